// Questions of a wizard. Each has a flag that answers it, and where --yes was said its default does.

import { OffsiteError } from '../../lib/base/errors.ts';
import { printable } from '../../lib/base/printable.ts';
import { usage } from './flags.ts';

type Question<Answer> = {
  readonly text: string;
  /** What answers it, for whoever is not asked: `--bucket`. */
  readonly flag: string;
  /** With --yes. */
  readonly usual?: Answer | undefined;
};

type Choice<Answer> = { readonly value: Answer; readonly label: string; readonly hint?: string };

export type Asking = {
  /** @param fault - Why a text is no answer; `undefined` if it is one. */
  text(question: Question<string>, fault?: (text: string) => string | undefined): Promise<string>;
  choose<Answer extends string>(
    question: Question<Answer>,
    choices: readonly Choice<Answer>[],
  ): Promise<Answer>;
  yesOrNo(question: Question<boolean>): Promise<boolean>;
  /** A text that is not shown. */
  secret(question: Question<string>): Promise<string>;
};

/** Takes the defaults. @throws {@link OffsiteError} `USAGE` for a question that has none. */
export const takeUsual: Asking = {
  text: async (question) => usualOf(question),
  choose: async (question) => usualOf(question),
  yesOrNo: async (question) => usualOf(question),
  secret: async (question) => usualOf(question),
};

function usualOf<Answer>({ flag, text, usual }: Question<Answer>): Answer {
  if (usual !== undefined) return usual;
  throw usage(`${flag}, where nobody is asked`, `nothing says: ${text}`, `nothing was written; say ${flag}`);
}

const needed = 'an answer is needed';

/** Asks on the terminal. @throws {@link OffsiteError} `INTERRUPTED` if whoever is asked wants no more. */
export async function askOnTerminal(): Promise<Asking> {
  const { confirm, isCancel, password, select, text } = await import('@clack/prompts');
  const answered = async <Answer>(asked: Promise<Answer | symbol>): Promise<Answer> => {
    const answer = await asked;
    if (!isCancel(answer)) return answer as Answer;
    throw new OffsiteError('INTERRUPTED', 'nothing more was asked, and nothing more was done', {
      expected: 'an answer',
      found: 'escape or ^C',
      hint: 'begin again whenever you like: offsite init',
      exitCode: 130,
    });
  };
  return {
    text: async ({ text: message, usual }, fault) => {
      const answer = await answered(
        text({
          message: printable(message),
          // What is typed takes the place of the usual answer, and does not go on behind it; the enter key alone takes it.
          ...(usual === undefined ? {} : { placeholder: printable(usual), defaultValue: usual }),
          validate: (typed = '') => {
            const answer = typed === '' ? usual : typed.trim();
            return answer ? fault?.(answer) : needed;
          },
        }),
      );
      // A space that was pasted along is no part of any.
      return answer.trim();
    },
    choose: ({ text: message, usual }, choices) => {
      const options = choices.map(({ value, label, hint }) => ({
        value,
        label: printable(label),
        ...(hint === undefined ? {} : { hint: printable(hint) }),
      }));
      const initial = usual === undefined ? {} : { initialValue: usual };
      return answered(select({ message: printable(message), options: options as never, ...initial }));
    },
    yesOrNo: ({ text: message, usual }) =>
      answered(confirm({ message: printable(message), initialValue: usual ?? true })),
    secret: async ({ text: message }) =>
      (
        await answered(password({ message, validate: (typed = '') => (typed.trim() ? undefined : needed) }))
      ).trim(),
  };
}
