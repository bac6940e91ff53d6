// A settings file as `offsite init` leaves it: what was answered is changed where it stands, all else stays, comments too.

import { Document, isMap, parseDocument } from 'yaml';
import type { RawSettings } from '../settings/layers.ts';

const heading = ` Settings of offsite. 'offsite config' shows what is in force,
 docs/agent.md has all of them.
 Whoever may write this file can have a command run: leave it to its owner.`;

const comments: Readonly<Record<string, string>> = {
  source: " the database's name in the vault",
  bucket: ' the vault',
  profile: " of ~/.aws: the agent's, which may create archives and nothing else",
  dump: ' how the dump is taken',
};

/**
 * Writes answers into the text of a settings file.
 *
 * @param before - What the file says; `undefined` where there is none.
 * @param answers - `undefined` takes a setting out.
 * @param isJson - JSON has no comments.
 */
export function settingsText(before: string | undefined, answers: RawSettings, isJson: boolean): string {
  if (isJson) {
    const merged = { ...(JSON.parse(before ?? '{}') as object), ...answers };
    return `${JSON.stringify(merged, null, 2)}\n`;
  }
  const document = before === undefined ? new Document({}) : parseDocument(before);
  if (!isMap(document.contents)) document.contents = document.createNode({}) as never;
  if (before === undefined) document.commentBefore = heading;
  for (const [key, value] of Object.entries(answers)) {
    if (value === undefined) document.delete(key);
    else if (JSON.stringify(document.toJS()[key]) !== JSON.stringify(value)) {
      // A value that is none of its own keeps the comment behind it.
      const node = typeof value === 'object' ? document.createNode(value) : value;
      document.set(document.has(key) ? key : keyWithComment(document, key), node);
    }
  }
  return document.toString({ lineWidth: 0 });
}

function keyWithComment(document: Document, key: string): unknown {
  const node = document.createNode(key);
  const comment = comments[key];
  if (comment !== undefined) node.commentBefore = comment;
  return node;
}
