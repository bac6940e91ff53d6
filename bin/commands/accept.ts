import { type Accepted, accept } from '../../lib/archive/accept.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { wrap } from '../../lib/base/wrap.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { deviationLines, print, printJson } from './print.ts';

export async function runAccept(
  settings: Settings,
  wanted: string,
  flags: { reason?: string; json?: boolean },
): Promise<void> {
  const id = parseArchiveId(wanted);
  const accepted = await accept({
    store: createS3Store(settings),
    id,
    reason: flags.reason,
    now: new Date(),
  });
  const { already, younger } = accepted;
  const { deviations } = accepted.verdict;
  if (flags.json) printJson('accept', { id: id.id, already, deviations, youngerSuspicious: younger });
  else print(describe(id.id, accepted));
}

function describe(id: string, { verdict, already, younger }: Accepted): string {
  const lines = [
    already ? `${id} was accepted before.` : `${id} is accepted: it counts as intact from now on.`,
    ...deviationLines(verdict.deviations),
    'The archives after it are compared with it.',
  ];
  if (younger.length > 0) {
    lines.push(
      `Younger and still suspicious: ${younger.join(', ')}. They are not judged again: accept the newest of them too, if it is right.`,
    );
  }
  return `${lines.flatMap((line) => wrap(line, 80)).join('\n')}\n`;
}
