// What BitAgent's documentation says not to back up, as it comes back by itself. Settings that name it are a misunderstanding, and
// are refused with the reason before a night is spent on it.

type Rebuilt = {
  readonly what: string;
  readonly why: string;
  /** In a path, or in the name of a volume or container. */
  readonly name: RegExp;
};

const rebuilt: readonly Rebuilt[] = [
  {
    what: "Prometheus' data",
    why: 'it fills again as Prometheus scrapes, and a copy of what is being written is none',
    name: /(^|[/_-])prometheus([_-]?(data|db|tsdb))?([/:]|$)|(^|[/_-])tsdb([/:]|$)/i,
  },
  {
    what: 'the cache of posters',
    why: 'TMDB is asked again for each that is missing',
    name: /(^|[/_-])(tmdb|posters?)([_-]?(cache|data))?([/:]|$)/i,
  },
  {
    what: 'a log',
    why: 'nobody restores one; what is to be kept of it goes where logs are kept',
    name: /([/_-]|^(?=.*\/))logs?([/:]|$)|\/.*\.log(\.\d+)?(\.gz)?$|^\/var\/lib\/docker\/containers(\/|$)|\/journal(\/|$)/i,
  },
  {
    what: 'the DHT routing table',
    why: 'it fills again within minutes',
    name: /(^|[/_-])(dht|routing[_-]?table)([_-]?(cache|data))?([/:]|$)/i,
  },
];

type Reads = {
  readonly dump: { readonly via: string; readonly container?: string; readonly command?: readonly string[] };
  readonly sidecar?:
    | { readonly path?: string | undefined; readonly container?: string | undefined }
    | undefined;
};

/** Settings that name what is not to be backed up, and a sentence each. */
export function namesOfRebuilt({ dump, sidecar }: Reads): { path: readonly string[]; sentence: string }[] {
  const named: (readonly [path: string[], name: string | undefined])[] = [
    [['sidecar', 'path'], sidecar?.path],
    [['sidecar', 'container'], sidecar?.container],
    [['dump', 'container'], dump.container],
    ...placesRead(dump.command ?? []).map((place): [string[], string] => [['dump', 'command'], place]),
  ];
  return named.flatMap(([path, text]) => {
    const found = rebuilt.find(({ name }) => text && name.test(text));
    if (found === undefined) return [];
    return [{ path, sentence: `${text} is ${found.what}, which is not backed up: ${found.why}` }];
  });
}

/** `2>> /var/log/dump.log`, `| tee -a …`: what a shell's line writes is not what it dumps. */
const written = /(?:\d?&?>>?\|?|\btee(?:\s+-\S+)*)\s*\S+/g;

/** Paths and volumes that a command reads, as far as one sees. */
function placesRead(command: readonly string[]): string[] {
  const words = command.flatMap((word) => word.replaceAll(written, ' ').split(/[\s'"|;&()=]+/));
  return words.filter((word) => /^([\w.-]+:)?\/[^/]/.test(word) && !/\.(ya?ml|sh|env)$/.test(word));
}
