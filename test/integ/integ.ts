// npm run integ: the account's own test. It deploys the stack under a name of its own, uses it as a host and an operator do,
// takes it down again, and tells every step. What is interrupted is cleaned up; what fails stays, so that one can look, and
// goes on or is cleaned up by the next run.

import { constants } from 'node:os';
import { join } from 'node:path';
import { exitCodes } from '../../lib/base/errors.ts';
import { agrees, optionsOf, script, untilSignal } from '../../lib/base/script.ts';
import { pricedLike, prices } from '../../lib/cost/prices.ts';
import { restoreTaskFor } from '../../lib/cost/task-cost.ts';
import { createNarrator } from '../../lib/rehearsal/stage/narrator.ts';
import { openBook } from '../../lib/rehearsal/stage/story.ts';
import type { Account } from './account.ts';
import { cleanUp } from './cleaning.ts';
import { forgetState, type IntegState, readState, writeState } from './state.ts';
import { steps } from './steps.ts';

type Flags = {
  profile?: string;
  region: string;
  endpoint?: string;
  state: string;
  clean?: boolean;
  yes?: boolean;
};

const command = script(
  'npm run integ',
  'Deploys, uses and destroys the stack in a real account: at most 30 minutes and a dollar.',
)
  .option('--profile <name>', 'of the AWS configuration; else the credentials of the environment')
  .requiredOption('--region <name>', 'where to deploy; it has to be bootstrapped')
  .option('--endpoint <url>', 'a stand-in for AWS, such as moto_server')
  .option('--state <file>', 'where it stands how far it came', join(process.cwd(), '.offsite-integ.json'))
  .option('--clean', 'take down what an earlier run has left, and nothing else')
  .option('--yes', 'do not ask');
const flags = optionsOf<Flags>(command);

const stop = new AbortController();
let interruptedBy: 'SIGINT' | 'SIGTERM' | undefined;
untilSignal().then((signal) => {
  interruptedBy = signal;
  stop.abort();
});
// For the clients, and for all that is started.
if (flags.profile !== undefined) process.env.AWS_PROFILE = flags.profile;
if (flags.endpoint !== undefined) process.env.AWS_ENDPOINT_URL = flags.endpoint;
process.env.AWS_REGION = flags.region;
process.exitCode = await main();

async function main(): Promise<number> {
  const narrator = createNarrator((text) => process.stdout.write(text), process.stdout.isTTY ?? false);
  const state = readState(flags.state) ?? {
    stackName: `OffsiteInteg${Date.now().toString(36)}`,
    region: flags.region,
    done: [],
    outputs: {},
  };
  if (state.region !== flags.region) {
    narrator.say(
      `${flags.state} is of a run in ${state.region}: say --region ${state.region}, or --clean there first.`,
    );
    return exitCodes.usage;
  }
  narrator.title('bitagent-offsite: a test in an account', [
    `Stack ${state.stackName} in ${flags.region}${flags.endpoint ? `, at ${flags.endpoint} in the place of AWS` : ''}. ${budget()}`,
    `How far it came stands in ${flags.state}.`,
  ]);
  if (!flags.yes && !(await agrees())) return exitCodes.usage;
  const startedAt = performance.now();
  const book = openBook(narrator);
  if (flags.clean !== true) await playSteps(book, state);
  const failed = book.records.some(({ outcome }) => outcome === 'not as expected');
  if (failed && interruptedBy === undefined) {
    narrator.table(book.records, performance.now() - startedAt);
    narrator.say(
      'What was made is there still. Run it again to go on from there, or with --clean to take it down.',
    );
    return exitCodes.unexpected;
  }
  // A book of its own: the story may have ended by an interruption, and this is played all the same.
  const cleaning = openBook(narrator);
  await cleaning.play('Destroy, and see that nothing is left', (scene) =>
    cleanUp(accountOf(state, new AbortController().signal), state, scene),
  );
  const records = [...book.records, ...cleaning.records];
  narrator.table(records, performance.now() - startedAt);
  if (cleaning.records.some(({ outcome }) => outcome !== 'as expected')) {
    narrator.say('Not all of it could be taken down: run it again with --clean.');
    return exitCodes.unexpected;
  }
  forgetState(flags.state);
  tellStandIns(narrator.say);
  return interruptedBy === undefined ? 0 : 128 + constants.signals[interruptedBy];
}

async function playSteps(book: ReturnType<typeof openBook>, state: IntegState): Promise<void> {
  const account = accountOf(state, stop.signal);
  // Before anything is made: what is begun from here on can be found again.
  writeState(flags.state, state);
  for (const { title, byEndpoint, play } of steps) {
    if (stop.signal.aborted) return;
    if (state.done.includes(title)) continue;
    await book.play(title, async (scene) => {
      if (flags.endpoint !== undefined && byEndpoint !== 'for real') scene.say(`(${byEndpoint}, not by AWS)`);
      if (flags.endpoint === undefined || byEndpoint !== 'left out') {
        await play({ account, state, scene });
      } else scene.summarize(byEndpoint);
    });
    if (book.records.at(-1)?.outcome === 'as expected') state.done.push(title);
    writeState(flags.state, state);
  }
}

function accountOf({ stackName, region }: IntegState, signal: AbortSignal): Account {
  return { region, endpoint: flags.endpoint, stackName, signal };
}

function budget(): string {
  const price = prices[pricedLike(flags.region)];
  const task = restoreTaskFor({ plainBytes: 1e6 }, price, true);
  // The secret by the hour; functions, requests, events and alarms are a cent at most.
  const usd = 0.5 * task.usdPerHour + price.secretMonth / 730 + 0.01;
  return `At most 30 minutes and $${Math.max(0.05, usd).toFixed(2)}, the Fargate task for all of that time.`;
}

function tellStandIns(say: (text: string) => void): void {
  if (flags.endpoint === undefined || flags.clean) return;
  for (const kind of ['by a stand-in', 'left out'] as const) {
    const titles = steps.filter(({ byEndpoint }) => byEndpoint === kind).map(({ title }) => title);
    if (kind === 'left out') titles.push('cdk destroy');
    say(`${kind === 'left out' ? 'Left out' : 'By a stand-in'}, not by AWS: ${titles.join('; ')}.`);
  }
}
