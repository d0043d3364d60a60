"""React from npm as modules for a browser. The package has CommonJS only."""

from __future__ import annotations

import json

from dev.node import node_tools

FILES = {
    "react": "react/cjs/react.development.js",
    "react-dom": "react-dom/cjs/react-dom.development.js",
    "react-dom/client": "react-dom/cjs/react-dom-client.development.js",
    "scheduler": "scheduler/cjs/scheduler.development.js",
}
HOOKS = (
    "StrictMode",
    "createContext",
    "createElement",
    "useCallback",
    "useContext",
    "useEffect",
    "useMemo",
    "useState",
    "useSyncExternalStore",
)


def react_scripts() -> dict[str, str]:
    """Returns the modules by their path at a host. ``IMPORT_MAP`` leads to them."""
    makers = ",\n".join(
        f"{json.dumps(name)}: (module, exports, require) => {{\n{(node_tools() / path).read_text()}\n}}"
        for name, path in FILES.items()
    )
    loader = (
        'const process = { env: { NODE_ENV: "development" } };\n'
        f"const makers = {{\n{makers}\n}};\n"
        "const made = new Map();\n"
        "export function load(name) {\n"
        "  if (!made.has(name)) {\n"
        "    const module = { exports: {} };\n"
        "    made.set(name, module);\n"
        "    makers[name](module, module.exports, load);\n"
        "  }\n"
        "  return made.get(name).exports;\n"
        "}\n"
    )
    react = f'import {{ load }} from "/npm.js";\nexport const {{ {", ".join(HOOKS)} }} = load("react");\n'
    client = 'import { load } from "/npm.js";\nexport const { createRoot } = load("react-dom/client");\n'
    return {"/npm.js": loader, "/react.js": react, "/react-dom-client.js": client}


IMPORT_MAP = json.dumps({"imports": {"react": "/react.js", "react-dom/client": "/react-dom-client.js"}})
