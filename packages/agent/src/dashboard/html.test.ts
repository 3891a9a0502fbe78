import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { html } from "./html.js";

const hostile = fc.string({
  unit: fc.constantFrom(...`a é&<>"'\u0000\u001b\n\u007f\u009b\u202e\u2066\u200f\ud800=/;`),
  maxLength: 40,
});

describe("HTML", () => {
  it("has every value as text, whatever is in it", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const { markup } = html`<p title="${value}">${value}</p>`;
        const inner = markup.slice('<p title="'.length, -"</p>".length);
        expect(inner.replace('">', "")).not.toMatch(
          /[<>"'\p{Cc}\p{Bidi_Control}]|&(?!(?:amp|lt|gt|quot|#39);)/u,
        );
      }),
    );
  });

  it("keeps templates within templates, lists and numbers, and leaves out what is undefined", () => {
    const list = html`<ul>${["a&b", 2, undefined].map((item) => html`<li>${item}</li>`)}</ul>`;
    expect(html`<div>${list}</div>`.markup).toBe("<div><ul><li>a&amp;b</li><li>2</li><li></li></ul></div>");
  });
});
