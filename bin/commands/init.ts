import { existsSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { makeFolder } from '../../lib/base/make-folder.ts';
import { shellWord } from '../../lib/base/shell-word.ts';
import { settingsText } from '../../lib/init/settings-document.ts';
import { replaceFile } from '../../lib/settings/agent-state-file.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { maskedText } from '../../lib/settings/masked.ts';
import { readSettings } from '../../lib/settings/settings.ts';
import {
  readSettingsFile,
  type SettingsFile,
  sourceNames,
  usualFolders,
} from '../../lib/settings/settings-file.ts';
import { type Asking, askOnTerminal, takeUsual } from './asking.ts';
import { usage } from './flags.ts';
import { askDatabase } from './init-database.ts';
import { askVault, type VaultFlags } from './init-vault.ts';
import { print, tell } from './print.ts';

type Flags = VaultFlags & {
  config?: string;
  source?: string;
  yes?: boolean;
  at?: string;
  /** Of `--no-install` and `--no-backup`: false. */
  install?: boolean;
  backup?: boolean;
};

/** @param given - What the command line says of the settings. */
export async function runInit(given: RawSettings, flags: Flags, signal: AbortSignal): Promise<void> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  if (!flags.yes && !isTerminal)
    throw usage(
      'a terminal to ask on, or --yes',
      'neither',
      'see offsite init --help: each answer is a flag, too',
    );
  const asking = flags.yes ? takeUsual : await askOnTerminal();
  const named = flags.config ?? (process.env.OFFSITE_CONFIG || undefined);
  const isNew = named !== undefined && !existsSync(named);
  const file = isNew ? undefined : await readSettingsFile(named);
  if (file !== undefined && sourceNames(file).length > 0)
    throw usage(
      'a settings file of one source',
      `several in ${file.path}`,
      'mend it by hand, and look at it: offsite config',
    );
  print(`Settings: ${file === undefined ? 'none yet' : file.path}\n`);
  const before = { ...file?.settings, ...given };
  const dump = await askDatabase(asking, before.dump, given.dump !== undefined, signal);
  const vault = await askVault(asking, before, flags, signal);
  if (vault === undefined) return;
  const answers = { ...vault, ...(flags.source === undefined ? {} : { source: flags.source }), dump };
  const path = await writeSettings(asking, answers, file, named);
  if (path === undefined) return;
  const settings = await readSettings({}, path);
  if (!(await isReady(settings, signal))) {
    const again = ['offsite', 'init', ...(named === undefined ? [] : ['--config', shellWord(named)])].join(
      ' ',
    );
    print(`\nMend what failed above, and begin again (what was answered is kept):\n  ${again}\n`);
    return;
  }
  await beginNights(asking, settings, path, flags, signal);
}

/** @returns Where they are; `undefined` if they were not to be written. */
async function writeSettings(
  asking: Asking,
  answers: RawSettings,
  file: SettingsFile | undefined,
  named: string | undefined,
): Promise<string | undefined> {
  const [own = '/etc/offsite'] = usualFolders();
  const folder = process.getuid?.() === 0 ? '/etc/offsite' : own;
  const path = file?.path ?? named ?? join(folder, 'config.yaml');
  const before = file === undefined ? undefined : await readFile(path, 'utf8');
  const text = settingsText(before, answers, path.endsWith('.json'));
  if (text === before) {
    print(`${path} says that already\n`);
    return path;
  }
  print(`\n${maskedText(text)}\n`);
  const isWanted = await asking.yesOrNo({ text: `Write this to ${path}?`, flag: '--yes', usual: true });
  if (!isWanted) return undefined;
  await makeFolder(dirname(path), 0o755);
  await replaceFile(path, text);
  // Whoever lists archives reads them, too; a password is for their owner's eyes.
  if (!/password|Url\b|:\/\/[^/\s]*@/.test(text)) await chmod(path, 0o644);
  print(`wrote ${path}\n`);
  return path;
}

async function isReady(settings: Settings, signal: AbortSignal): Promise<boolean> {
  const { runDoctor } = await import('./doctor.ts');
  await runDoctor(settings, {}, signal);
  return !process.exitCode;
}

async function beginNights(
  asking: Asking,
  settings: Settings,
  path: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const isInstalled =
    flags.install ??
    (await asking.yesOrNo({
      text: `Take a back-up every night at ${flags.at ?? '03:15'}?`,
      flag: '--no-install',
      usual: true,
    }));
  if (isInstalled) {
    const { runInstall } = await import('./install.ts');
    const forUser = process.getuid?.() !== 0;
    await runInstall(
      settings,
      {},
      {
        ...(flags.at === undefined ? {} : { at: flags.at }),
        config: path,
        randomDelay: '15m',
        root: '/',
        forUser,
      },
    );
  }
  const isFirst =
    flags.backup ??
    (await asking.yesOrNo({ text: 'Take the first one now?', flag: '--no-backup', usual: true }));
  if (!isFirst) return;
  const { runBackup } = await import('./backup.ts');
  const usual = { stallTimeout: '15m', patience: '10m', compress: 'auto', verdictTimeout: '2h' } as const;
  const manifest = await runBackup(settings, usual, signal);
  if (manifest !== undefined) await tellVerdict(settings, manifest, flags.operatorProfile, signal);
}

const verdictWithinMs = 30 * 60_000;

/** By the operator's credentials, where they are here: the agent's may not look. */
async function tellVerdict(
  { profile, ...settings }: Settings,
  manifest: Manifest,
  operatorProfile: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (settings.endpoint !== undefined) {
    print(
      'It is stored. Nobody has judged it yet: that is for offsite guard, on another\nmachine (docs/guard.md)\n',
    );
    return;
  }
  const { createS3Store } = await import('../../lib/store/s3.ts');
  const { waitForIntact } = await import('../../lib/retention/before-upgrade.ts');
  tell(`offsite: waiting for the verdict on ${manifest.id} …`);
  const store = createS3Store({ ...settings, profile: operatorProfile ?? profile });
  try {
    await waitForIntact(store, manifest, { signal, limitMs: verdictWithinMs });
    print(`${manifest.id} is intact: read again in the cloud, byte for byte\n`);
  } catch (error) {
    if (!(error instanceof OffsiteError) || error.code !== 'CREDENTIALS_REFUSED') throw error;
    print("It is stored. Its verdict is for the operator's eyes: offsite list --profile NAME\n");
  }
}
