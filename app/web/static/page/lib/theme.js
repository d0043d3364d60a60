// The theme: light, dark, or the system's. The choice is stored in this browser.

const KEY = "parley.theme";

export function theme() {
  return localStorage.getItem(KEY) ?? "system";
}

/** @param {"system" | "light" | "dark"} value */
export function setTheme(value) {
  localStorage.setItem(KEY, value);
  applyTheme();
}

export function applyTheme() {
  const value = theme();
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}
