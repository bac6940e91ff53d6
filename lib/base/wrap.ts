// Lines of text that fit a width.

/** Breaks at spaces; the following lines keep the indentation of the first. A word that is too long stays whole. */
export function wrap(text: string, width: number): string[] {
  const margin = /^ */.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const before = rest.lastIndexOf(' ', width);
    const at = before > margin.length ? before : rest.indexOf(' ', width);
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = margin + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** A text behind a head: what goes on in further lines stands below its beginning. */
export function hanging(head: string, text: string, width: number): string[] {
  const lines = text.split('\n').flatMap((line) => wrap(line, width - head.length));
  return lines.map((line, index) => `${index === 0 ? head : ' '.repeat(head.length)}${line}`);
}
