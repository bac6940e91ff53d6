// Names of torrents, tables and files and the words of servers are strangers' text: a terminal would obey the commands
// in it, and a text that turns itself around reads as another. Everything that is printed goes through here.

/** Controls (C0, DEL, C1), what turns text around, and what some terminals take for line ends. */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are looked for.
  /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/**
 * A stranger's text as one line for a terminal.
 *
 * @returns The text with everything in it that is not shown by itself written as JSON writes it: `\u001b`.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** As {@link printable}, for text of several lines: `\n` remains. JSON stays the same JSON. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
