// offsite completion: what a shell offers at the tab key. Made from the commands' own declarations, so that it knows what
// they know: each command, its flags, and what may follow them.

import type { Command, Option } from 'commander';
import { shellWord } from '../../lib/base/shell-word.ts';
import { providerNames } from '../../lib/store/provider.ts';
import { print } from './print.ts';

/** What may be typed in a place: files, folders, one of these words, or whatever it is that nobody can guess. */
type Offer = 'files' | 'folders' | readonly string[] | undefined;

type Flag = {
  /** `-o`, `--output`. */
  readonly names: readonly string[];
  readonly description: string;
  /** What its value is; `no` where it has none. */
  readonly value: Offer | 'no';
  readonly isValueOptional: boolean;
};

type Verb = {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  /** What its arguments may be, besides what nobody can guess. */
  readonly words: readonly string[];
  readonly takesFiles: boolean;
};

export const shells = { bash, zsh, fish } as const;

export function runCompletion(shell: keyof typeof shells, program: Command): void {
  print(shells[shell](program));
}

function verbsOf(program: Command): Verb[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const names = commands.map((command) => command.name());
  return commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    flags: flagsOf(command),
    ...argumentsOf(command, command.name() === 'help' ? names : []),
  }));
}

function flagsOf(command: Command): Flag[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined),
      description: option.description,
      value: option.required || option.optional ? offerAfter(option) : 'no',
      isValueOptional: option.optional,
    }));
}

function offerAfter({ flags, long, argChoices }: Option): Offer {
  if (long === '--provider') return providerNames;
  return argChoices ?? offerOf(/[<[](.*?)[>\]]/.exec(flags)?.[1] ?? '');
}

/** Of `<do> [id|latest|FILE]`, each of `do`'s words, `latest`, and files. */
function argumentsOf(
  { registeredArguments }: Command,
  names: readonly string[],
): Pick<Verb, 'words' | 'takesFiles'> {
  const words = registeredArguments.flatMap(
    (one) => one.argChoices ?? (/\blatest\b/.test(one.name()) ? ['latest'] : []),
  );
  return {
    words: [...words, ...names],
    takesFiles: registeredArguments.some((one) => /\bfile\b/i.test(one.name())),
  };
}

/** By what stands in the help for it. */
function offerOf(name: string): Offer {
  return { file: 'files' as const, folder: 'folders' as const }[name];
}

function bash(program: Command): string {
  const verbs = verbsOf(program);
  const places = verbs.flatMap(({ name, flags }) =>
    flags
      .filter(({ isValueOptional, value }) => value !== 'no' && !(isValueOptional && value === undefined))
      .map(({ names, value }) => ({ pattern: names.map((flag) => `${name}:${flag}`).join('|'), value })),
  );
  const after = (value: Offer) =>
    places.flatMap((place) => (place.value === value ? [place.pattern] : [])).join('|\\\n    ');
  const choices = places.flatMap(({ pattern, value }) =>
    Array.isArray(value) ? [`    ${pattern}) words=${shellWord(value.join(' '))} files= ;;`] : [],
  );
  const commands = verbs.map(({ name, flags, words, takesFiles }) => {
    const list = shellWord(flags.flatMap(({ names }) => names).join(' '));
    return `    *:${name}) flags=${list} words=${shellWord(words.join(' '))}${takesFiles ? ' files=-f' : ''} ;;`;
  });
  const first = [...verbs.map(({ name }) => name), ...flagsOf(program).flatMap(({ names }) => names)];
  return `# What bash offers after 'offsite'; made by 'offsite completion bash'.
_offsite() {
  local word=$2 before=$3 command=\${COMP_WORDS[1]} flags= words= files=
  # '--flag=value' comes as three words.
  if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  case $COMP_CWORD:$command in
    1:*) words=${shellWord(first.join(' '))} ;;
${commands.join('\n')}
  esac
  case $command:$before in
${choices.join('\n')}
    ${after('files')}) words= files=-f ;;
    ${after('folders')}) words= files=-d ;;
    ${after(undefined)}) words= files= ;;
    *) [[ $word != -* || $COMP_CWORD == 1 ]] || words=$flags files= ;;
  esac
  # What stands behind it is another program's.
  [[ " \${COMP_WORDS[*]:2:COMP_CWORD - 2} " != *' -- '* ]] || words= files=-f
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  [[ $files ]] || return 0
  compopt -o filenames 2> /dev/null
  mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen "$files" -- "$word")
}
complete -F _offsite offsite
`;
}

function zsh(program: Command): string {
  const verbs = verbsOf(program);
  const action = (value: Offer) => {
    if (value === 'files') return '_files';
    if (value === 'folders') return '_files -/';
    return value === undefined ? ' ' : `(${value.join(' ')})`;
  };
  const flag = ({ names, description, value, isValueOptional }: Flag): string => {
    const said = `[${zshText(description)}]`;
    const rest = value === 'no' ? said : `${said}${isValueOptional ? '::' : ':'}value:${action(value)}`;
    const forms = names.map((name) => `${name}${value === 'no' ? '' : name.startsWith('--') ? '=' : '+'}`);
    return forms.map((form) => shellWord(`(${names.join(' ')})${form}${rest}`)).join(' ');
  };
  const cases = verbs.map(({ name, flags, words, takesFiles }) => {
    const offers = takesFiles ? ` _offsite_or_files ${words.join(' ')}` : `(${words.join(' ')})`;
    return `    ${name}) _arguments -S ${[...flags.map(flag), shellWord(`*:argument:${offers}`)].join(' \\\n      ')} ;;`;
  });
  const described = verbs.map(({ name, description }) => shellWord(`${name}:${zshText(description)}`));
  return `#compdef offsite
# What zsh offers after 'offsite'; made by 'offsite completion zsh'.
_offsite_or_files() {
  compadd -- "$@"
  _files
}
_offsite() {
  local -a commands=(
    ${described.join('\n    ')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  # What stands behind it is another program's.
  if (( \${words[(i)--]} < CURRENT )); then
    _files
    return
  fi
  local command=\${words[2]}
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _offsite ]]; then _offsite "$@"; else compdef _offsite offsite; fi
`;
}

/** What means something in a specification of zsh's. */
function zshText(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}

function fish(program: Command): string {
  const line = (...words: string[]) => `complete -c offsite ${words.join(' ')}\n`;
  const offer = (value: Offer) => {
    if (value === 'files') return ['-F'];
    const words = value === 'folders' ? '(__fish_complete_directories)' : value?.join(' ');
    return ['-f', ...(words === undefined ? [] : ['-a', fishWord(words)])];
  };
  const flag = ({ names, description, value, isValueOptional }: Flag): string[] => [
    ...names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)),
    ...(value === 'no' || isValueOptional ? [] : ['-r']),
    ...(value === 'no' ? [] : offer(value)),
    '-d',
    fishWord(description),
  ];
  const first = verbsOf(program).map(({ name, description }) =>
    line('-n __offsite_begins', '-a', name, '-d', fishWord(description)),
  );
  const others = verbsOf(program).flatMap(({ name, flags, words, takesFiles }) => {
    const there = `-n '__offsite_runs ${name}'`;
    return [
      ...flags.map((one) => line(there, ...flag(one))),
      ...(words.length > 0 ? [line(there, ...offer(words))] : []),
      ...(takesFiles ? [line(there, ...offer('files'))] : []),
    ];
  });
  return `# What fish offers after 'offsite'; made by 'offsite completion fish'.
function __offsite_begins
  test (count (commandline -opc)) -eq 1
end
function __offsite_runs
  set -l words (commandline -opc)
  test (count $words) -gt 1; and test $words[2] = $argv[1]
end
${line('-f')}${flagsOf(program)
  .map((one) => line('-n __offsite_begins', ...flag(one)))
  .join('')}${first.join('')}${others.join('')}`;
}

/** In fish, quotation marks end by themselves alone. */
function fishWord(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
