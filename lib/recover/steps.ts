// A recovery step by step: each says what it will do, does it, and proves it. What is proven already is not done again,
// and nothing is believed because a note says so.

import { OffsiteError } from '../base/errors.ts';

export type Step = {
  /** One word. */
  readonly name: string;
  /** What it does, to go on after "it will": `start Postgres alone`. */
  readonly does: string;
  /** @returns What shows that it is done, for a person; `undefined` where it is not. Changes nothing. */
  proof(): Promise<string | undefined>;
  /** Does it. @throws Of whatever kept it from being done. */
  run(): Promise<void>;
};

export type StepState = { readonly name: string; readonly does: string; readonly proof: string | undefined };

/** Looks how far it is, and changes nothing. What comes after something that is not done is not looked at. */
export async function planSteps(steps: readonly Step[]): Promise<StepState[]> {
  const states: StepState[] = [];
  for (const { name, does, proof } of steps) {
    const isOpen = states.some((state) => state.proof === undefined);
    states.push({ name, does, proof: isOpen ? undefined : await proof() });
  }
  return states;
}

/**
 * Takes the steps, one after the other.
 *
 * @param plan - How far it was when it was looked at last.
 * @param say - Told what is about to be done, and what shows that it is.
 * @returns The steps, each with its proof.
 * @throws What a step throws, or `APP_NOT_STARTED` where it says that it is done and nothing shows it.
 */
export async function takeSteps(
  steps: readonly Step[],
  plan: readonly StepState[],
  say: (line: string) => void,
): Promise<StepState[]> {
  const states: StepState[] = [];
  let isAsPlanned = true;
  for (const [index, step] of steps.entries()) {
    const { name, does } = step;
    const head = `${index + 1}/${steps.length} ${name}`;
    let proof = isAsPlanned ? plan[index]?.proof : await step.proof();
    if (proof === undefined) {
      isAsPlanned = false;
      say(`${head}: ${does} …`);
      await step.run();
      proof = await step.proof();
      if (proof === undefined) throw unproven(step);
      say(`${head}: done: ${proof}`);
    } else say(`${head}: done already: ${proof}`);
    states.push({ name, does, proof });
  }
  return states;
}

function unproven({ name, does }: Step): OffsiteError {
  return new OffsiteError('APP_NOT_STARTED', `the step '${name}' ended, and nothing shows that it is done`, {
    expected: `to ${does}`,
    found: 'no failure, and no proof',
    hint: "see 'docker ps -a' and the containers' logs, and run the same command again: it goes on from here",
  });
}
