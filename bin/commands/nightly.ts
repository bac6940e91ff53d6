import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { formatInstant } from '../../lib/base/quantities.ts';
import { everyNight } from '../../lib/nightly/every-night.ts';
import { linesOf } from '../../lib/nightly/installation.ts';
import { parseTimeOfDay } from '../../lib/nightly/time-of-day.ts';
import { agentStateFile } from '../../lib/settings/agent-state-file.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { environmentOf, isDumpVariable } from '../../lib/settings/environment.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { ownProgram as program } from './own-program.ts';
import { tell, warn } from './print.ts';

type Flags = { readonly at: string; readonly sidecar?: boolean; readonly config?: string };

/** @param given - What the command line says of the settings. */
export async function runNightly(
  settings: Settings,
  given: RawSettings,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const { source, dump } = settings;
  const at = parseTimeOfDay(flags.at);
  const command = dump.via === 'command' ? dump.command : [];
  const lines = linesOf({ source, program, command, withSidecar: flags.sidecar ?? false });
  const state = await agentStateFile(source).read();
  await everyNight({
    at,
    lastRun: state && parseArchiveId(state.lastId).takenAt,
    now: () => new Date(),
    sleep: (ms) => sleep(ms, undefined, { signal }),
    onWait: (due) => tell(`offsite: the next archive of ${source}: ${formatInstant(due)}`),
    run: async () => {
      for (const line of lines) await runLine(line, environmentFor(given, flags), signal);
    },
  });
}

/** A process of its own for each run: it begins with no memory in use, and ends with none. */
async function runLine(line: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const [file = '', ...args] = line;
  const child = spawn(file, args, { stdio: 'inherit', env });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const [exitCode, killedBy] = await once(child, 'exit').finally(() =>
    signal.removeEventListener('abort', end),
  );
  signal.throwIfAborted();
  if (exitCode !== 0)
    warn(
      `'${args.join(' ').split(' -- ', 1)}' ended with ${killedBy ?? `exit code ${exitCode}`}; the next night is another`,
    );
}

function environmentFor(given: RawSettings, { config }: Flags): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => given.dump === undefined || !isDumpVariable(name),
  );
  return { ...Object.fromEntries(own), ...(config && { OFFSITE_CONFIG: config }), ...environmentOf(given) };
}
