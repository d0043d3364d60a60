// Lets the Back button close what covers the page, instead of leaving the conversation below it.

/**
 * Adds an entry to the history. Going back calls `close`. Returns a function to call when it was closed in another way:
 * it removes the entry again.
 * @param {() => void} close
 */
export function coverHistory(close) {
  const here = location.hash;
  history.pushState({ cover: true }, "");
  let open = true;
  const popped = () => {
    window.removeEventListener("popstate", popped);
    if (!open) return;
    open = false;
    close();
  };
  window.addEventListener("popstate", popped);
  return () => {
    if (!open) return;
    open = false;
    if (location.hash === here && history.state?.cover) history.back(); // then `popped` removes its listener
    else window.removeEventListener("popstate", popped);
  };
}
