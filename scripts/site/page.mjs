/** A page of the site, with the list of pages. It needs no script. */

/** Title → path, by part. */
const PARTS = {
  "First steps": {
    "Getting started": "docs/GETTING-STARTED.html",
    Questions: "docs/FAQ.html",
    Examples: "examples/README.html",
  },
  "In a program": {
    Client: "docs/CLIENT.html",
    "API reference": "api/index.html",
    "Bundlers, TypeScript, runtimes": "docs/BUNDLERS.html",
    "From Python": "docs/FROM-PYTHON.html",
    DogStatsD: "docs/DOGSTATSD.html",
  },
  "On a device": {
    Deployment: "docs/DEPLOYMENT.html",
    Configuration: "docs/CONFIGURATION.html",
    Operation: "docs/OPERATION.html",
    Dashboard: "docs/DASHBOARD.html",
    Troubleshooting: "docs/TROUBLESHOOTING.html",
    Collectors: "docs/COLLECTORS.html",
    Broker: "docs/BROKER.html",
    Delivery: "docs/DELIVERY.html",
    Wrappers: "docs/WRAPPERS.html",
    Migration: "docs/MIGRATION.html",
  },
  Project: {
    Concepts: "docs/ARCHITECTURE.html",
    "Promises and tests": "docs/PROMISES.html",
    Benchmarks: "docs/BENCHMARKS.html",
    Decisions: "docs/decisions/README.html",
    Changes: "CHANGELOG.html",
    Contributing: "CONTRIBUTING.html",
  },
};

const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { margin: 0; font: 16px/1.6 system-ui, sans-serif; display: grid; grid-template-columns: 15rem minmax(0, 1fr); }
nav { padding: 1.5rem; border-right: 1px solid var(--line); }
nav a { display: block; text-decoration: none; padding: .1rem 0; }
nav h2 { font-size: .8rem; margin: 1.2rem 0 .2rem; opacity: .7; }
main { padding: 1.5rem 2rem; max-width: 56rem; }
pre, table { overflow-x: auto; display: block; }
pre { padding: .8rem; border: 1px solid var(--line); border-radius: 4px; font-size: 14px; line-height: 1.4; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
img { max-width: 100%; }
@media (max-width: 50rem) { body { display: block; } nav { border: 0; border-bottom: 1px solid var(--line); } main { padding: 1rem; } }
`;

/**
 * @param {{ title: string, html: string, toRoot: string }} content  `toRoot` is the path from the page to the site's root
 */
export function page({ title, html, toRoot }) {
  const parts = Object.entries(PARTS).map(([part, pages]) => {
    const links = Object.entries(pages).map(([name, path]) => `<a href="${toRoot}/${path}">${name}</a>`);
    return `<h2>${part}</h2>${links.join("")}`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title.replaceAll("`", "").replaceAll("<", "&lt;")} – Chouette</title>
<style>${STYLE}</style>
</head>
<body>
<nav><a href="${toRoot}/index.html"><b>Chouette</b></a>${parts.join("")}</nav>
<main>
${html}</main>
</body>
</html>
`;
}
