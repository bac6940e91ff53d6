import { basename } from 'node:path';
import { OffsiteError } from '../../lib/base/errors.ts';
import { printable } from '../../lib/base/printable.ts';
import { isSetting, parseSettings, settingsFileSchema } from '../../lib/settings/config.ts';
import { mergeLayers, originOf, type RawSettings } from '../../lib/settings/layers.ts';
import { maskedSetting } from '../../lib/settings/masked.ts';
import { type Layers, readEachLayers } from '../../lib/settings/settings.ts';
import { usualFolders } from '../../lib/settings/settings-file.ts';
import { print, printJson } from './print.ts';

type Flags = { config?: string; json?: boolean; schema?: boolean };

/** @throws {@link OffsiteError} `CONFIG_INVALID` once all that there is has been shown. */
export async function runConfig(given: RawSettings, flags: Flags): Promise<void> {
  if (flags.schema) {
    print(`${JSON.stringify(settingsFileSchema(), null, 2)}\n`);
    return;
  }
  const each = await readEachLayers(given, flags.config);
  const shown = each.map(effectiveSettings);
  const [file] = each.map((one) => one.file?.path);
  if (flags.json) {
    const sources = shown.map(({ rows }) =>
      Object.fromEntries(rows.map(({ name, value, from }) => [name, { value, from }])),
    );
    printJson('config', { file: file ?? null, sources });
  } else {
    print(
      `${file ?? `no settings file: none of config.yaml, config.yml, config.json in ${usualFolders().join(' or ')}`}\n`,
    );
    for (const { rows } of shown) print(`\n${table(rows)}`);
  }
  const fault = shown.find(({ error }) => error !== undefined)?.error;
  if (fault !== undefined) throw fault;
}

type Row = { readonly name: string; readonly value: string; readonly from: string };

function effectiveSettings({ layers, origin }: Layers): {
  readonly rows: readonly Row[];
  readonly error?: OffsiteError;
} {
  let settings: RawSettings;
  let error: OffsiteError | undefined;
  try {
    settings = parseSettings(layers, origin);
  } catch (thrown) {
    if (!(thrown instanceof OffsiteError)) throw thrown;
    error = thrown;
    settings = mergeLayers(layers);
  }
  const rows = leavesOf(settings).map(({ path, value }) => ({
    name: path.join('.'),
    value: isSetting(settings, path) ? maskedSetting(path, value) : '***',
    from: originOf(layers, path) ?? 'default',
  }));
  return { rows, ...(error === undefined ? {} : { error }) };
}

type Leaf = { readonly path: readonly string[]; readonly value: unknown };

function leavesOf(value: unknown, path: readonly string[] = []): Leaf[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([key, part]) =>
    part === undefined ? [] : leavesOf(part, [...path, key]),
  );
}

function table(rows: readonly Row[]): string {
  // A line end in a name or a value makes no row of its own.
  const shown = rows.map((row) => ({ ...row, name: printable(row.name), value: printable(row.value) }));
  const widthOf = (column: (row: Row) => string, limit: number) =>
    Math.min(limit, Math.max(...shown.map((row) => column(row).length)));
  const names = widthOf(({ name }) => name, 20);
  const values = widthOf(({ value }) => value, 36);
  return shown
    .map(({ name, value, from }) => `${name.padEnd(names)}  ${value.padEnd(values)}  ${placeOf(from)}\n`)
    .join('');
}

/** The file's folder is said above. */
function placeOf(from: string): string {
  return from.startsWith('/') ? basename(from) : from;
}
