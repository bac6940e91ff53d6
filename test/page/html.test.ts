import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, type Html, html } from '../../lib/page/html.ts';

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=y>',
    "' autofocus onfocus='z",
    '&lt;',
    '</title>',
  ),
);

describe('html', () => {
  it('escapes whatever is put in, in text and in quoted attributes', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const { markup } = html`<p title="${text}" class='${text}'>${text}</p>`;
        expect(markup.match(/[<>]/g)).toEqual(['<', '>', '<', '>']);
        expect(markup.match(/["']/g)).toEqual(['"', '"', "'", "'"]);
        expect(markup).not.toMatch(/&(?!(amp|lt|gt|quot|#39);)/);
      }),
    );
  });

  it('loses no letter that a page may hold', () => {
    const readable = fc.string({ unit: fc.constantFrom(...'aZ09<>&"\' \n\tß中🙂-/\\') });
    const decoded = (text: string) =>
      text
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
    fc.assert(fc.property(readable, (text) => void expect(decoded(escapeHtml(text))).toBe(text)));
  });

  it('shows what no page may hold, or what turns a line around, as a mark', () => {
    expect(escapeHtml('a\u0000b\u001bc\ud800d\u202ee\u0085')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
  });

  it('takes its own values as they are, lists and nothing included', () => {
    const part = html`<b>${'<'}</b>`;
    expect(html`<p>${[part, 1, undefined, 'x&y']}</p>`.markup).toBe('<p><b>&lt;</b>1x&amp;y</p>');
  });

  it('is not deceived by a value that looks like its own', () => {
    const forged = JSON.parse('{"markup":"<script>"}') as Html;
    expect(html`${forged}`.markup).toBe('&lt;script&gt;');
  });
});
