// launch: gives each source its restore test in its turn. Woken by the clock each day, by the end of each test, and by
// whoever wants one now.

import { archivesPrefix } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import { hasPassed } from '../report/report.ts';
import { newestTests } from '../retention/watch.ts';
import { type Launch, type LaunchOptions, launchRestoreTests } from './launch.ts';
import { isDue, isRunning, type Turns, turnsKey, turnsSchema } from './turns.ts';

/** Why this runs. */
export type Wake =
  | { readonly by: 'clock' }
  /** A task has stopped. */
  | { readonly by: 'task'; readonly taskArn: string }
  /** Who has seen, too, that a task has stopped of which nobody heard. */
  | { readonly by: 'person'; readonly taskArn?: string };

/**
 * Launches the test whose turn it is, if none runs.
 *
 * @returns The attempts that were made now, and the sources whose turn comes once this test has ended.
 * @throws As {@link launchRestoreTests}.
 */
export async function takeTurns(
  wake: Wake,
  options: LaunchOptions,
): Promise<{ readonly launches: readonly Launch[]; readonly waiting: readonly string[] }> {
  const { store, sources, now } = options;
  const stored = await store.readText(turnsKey);
  const turns = wakened(parseTurns(stored?.text), wake, sources, now);
  const due: string[] = [];
  for (const source of sources) {
    const turn = turns.sources[source] ?? {};
    if (!isDue(turn, undefined, now)) continue;
    if (turn.wantedAt === undefined && !(await hasArchives(options, source))) continue;
    const { passed, newest } = await newestTests(store, source);
    const isProven = passed !== undefined && (newest === undefined || hasPassed(newest));
    if (isDue(turn, isProven ? new Date(passed.startedAt) : undefined, now)) due.push(source);
  }
  const launches = isRunning(turns, now) ? [] : await launchRestoreTests({ ...options, sources: due });
  const next = attempted(turns, launches, now);
  if (JSON.stringify(next) !== stored?.text) await store.write(turnsKey, JSON.stringify(next));
  return { launches, waiting: due.slice(launches.length) };
}

/** Of a source without any, `watch` tells: a new deployment waits for its first night. */
async function hasArchives({ store }: LaunchOptions, source: string): Promise<boolean> {
  for await (const _ of store.list(`${archivesPrefix}${source}/`)) return true;
  return false;
}

function wakened(turns: Turns, wake: Wake, sources: readonly string[], now: Date): Turns {
  const hasEnded = wake.by !== 'clock' && turns.running?.taskArn === wake.taskArn;
  const awake = hasEnded ? { ...turns, running: undefined } : turns;
  if (wake.by !== 'person') return awake;
  const wanted = sources.map((source) => [source, { ...turns.sources[source], wantedAt: now.toISOString() }]);
  return { ...awake, sources: { ...turns.sources, ...Object.fromEntries(wanted) } };
}

function attempted(turns: Turns, launches: readonly Launch[], now: Date): Turns {
  const at = now.toISOString();
  const sources = launches.map(({ source }) => [source, { ...turns.sources[source], attemptedAt: at }]);
  const started = launches.find((launch) => 'taskArn' in launch);
  return {
    running: started === undefined ? turns.running : { taskArn: started.taskArn, since: at },
    sources: { ...turns.sources, ...Object.fromEntries(sources) },
  };
}

/** What cannot be read costs a test too many, never one too few. */
export function parseTurns(text = '{}'): Turns {
  return parseJson(turnsSchema, text) ?? turnsSchema.parse({});
}
