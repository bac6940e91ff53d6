// What every command is declared by. Each loads only what it needs, when it runs.

import { Command, Option } from 'commander';
import { exitCodes } from '../../lib/base/errors.ts';
import { toolVersion } from '../../lib/base/version.ts';
import { guardWords } from '../../lib/settings/guard-words.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { providerNames } from '../../lib/store/provider.ts';
import { dashed, usage } from './flags.ts';
import { print } from './print.ts';

/** Flags that are settings, under the same name. */
const settingFlags = [
  'source',
  'bucket',
  'region',
  'endpoint',
  'caBundle',
  'provider',
  'profile',
  'pingUrl',
  'ntfyUrl',
  'webhookUrl',
  'notify',
  'metricsFile',
] as const;

type SettingFlags = Partial<Record<(typeof settingFlags)[number] | 'config', string>>;

/** A command and its arguments, without the '[options]' that all of them have. */
export function commandTerm(command: Command): string {
  const names = command.registeredArguments.map((one) => {
    const name = `${one.name()}${one.variadic ? '...' : ''}`;
    return one.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...names].join(' ');
}

export const program = new Command('offsite')
  .description("Offsite archives of BitAgent's database: taken, checked, kept, brought back.")
  .version(toolVersion)
  .exitOverride()
  .configureHelp({
    subcommandTerm: commandTerm,
  })
  .configureOutput({ outputError: () => undefined, writeOut: print })
  .helpCommand('help [command]', 'show the help of a command')
  .addHelpText(
    'after',
    `
Settings come from --config FILE, else ~/.config/offsite/config.yaml (or .json)
or /etc/offsite/config.yaml, then OFFSITE_* of the environment, then the flags;
'offsite config' shows them.
AWS credentials come as for the aws command.

Exit codes: 0 done; ${exitCodes.unexpected} unexpected; ${exitCodes.usage} usage or settings; ${exitCodes.dump} database or dump;
${exitCodes.store} store; ${exitCodes.notIntact} not intact; ${exitCodes.notFound} no such archive; ${exitCodes.restore} restore; ${exitCodes.app} BitAgent itself;
129/130/131/143 interrupted.`,
  );

/** Of the flags that all have that ask the vault. */
export const vaultHeading = 'Which vault (better once, in the settings file):';

/** Those that ask the vault. */
const ofVault: Command[] = [];

export function storeCommand(name: string, description: string): Command {
  const command = program.command(name).description(description);
  ofVault.push(command);
  return command;
}

/** Gives them the flags that they share: last, for a command's own are read first. */
export function addVaultFlags(): void {
  for (const command of ofVault) {
    command
      .optionsGroup(vaultHeading)
      .option('--source <name>', "which database's archives (default: bitagent)")
      .option('--bucket <name>', 'the vault')
      .option('--region <name>', "the vault's region")
      .option('--endpoint <url>', 'of an S3-compatible store')
      .option('--ca-bundle <file>', "certificates of who signed the store's")
      .option('--provider <name>', `which store it is: ${providerNames.join(', ')}`)
      .option('--profile <name>', 'AWS profile with the credentials')
      .option('--config <file>', 'settings file');
  }
}

/** @param user - The flag of the user inside a container. */
export function dumpCommand(name: string, description: string, user = '-U, --user <name>'): Command {
  return storeCommand(name, description)
    .argument('[command...]', 'after --: a command that writes a plain pg_dump to stdout')
    .option('--url <url>', 'server to dump; without it PGHOST, PGUSER … decide')
    .option('--container <name>', 'run pg_dump inside this container (docker exec)')
    .option(user, 'user inside the container')
    .option('-d, --dbname <name>', 'database inside the container');
}

export async function settingsOf(flags: SettingFlags, dump?: RawSettings) {
  const { readSettings } = await import('../../lib/settings/settings.ts');
  return readSettings(flagSettings(flags, dump), flags.config);
}

/** The settings of each source that the file has. */
export async function allSettingsOf(flags: SettingFlags) {
  const { readAllSettings } = await import('../../lib/settings/settings.ts');
  return readAllSettings(flagSettings(flags), flags.config);
}

/** What the command line says of the settings. */
export function flagSettings(flags: SettingFlags, dump?: RawSettings): RawSettings {
  const given = Object.entries({
    ...Object.fromEntries(settingFlags.map((name) => [name, flags[name]])),
    dump,
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

export function addTellingFlags(command: Command): Command {
  return command
    .optionsGroup('Who is told (better once, in the settings file):')
    .option('--ping-url <url>', 'Healthchecks: /start, the URL itself, /<exit code>')
    .option('--ntfy-url <url>', 'a topic of ntfy')
    .option('--webhook-url <url>', 'any that takes JSON (Slack, Discord, …)')
    .addOption(new Option('--notify <when>', 'what these two are told').choices(['failures', 'always']))
    .option('--metrics-file <file>', "for node_exporter's textfile collector")
    .optionsGroup('Options:');
}

export async function guardedVault(flags: Record<string, string | undefined>) {
  const { readGuardedVault } = await import('../../lib/settings/settings.ts');
  for (const name of ['smtpUrl', 'restoreUrl'] as const)
    if (/:\/\/[^/@]*:[^/@]*@/.test(flags[name] ?? ''))
      throw usage(
        'a URL without a password on the command line, where ps shows it',
        `--${dashed(name)} with one`,
        'put it into OFFSITE_SMTP_URL or OFFSITE_RESTORE_URL, or under guard in the settings file',
      );
  const given = Object.keys(guardWords).filter((name) => flags[name] !== undefined);
  const guard =
    given.length === 0 ? {} : { guard: Object.fromEntries(given.map((name) => [name, flags[name]])) };
  return readGuardedVault({ ...flagSettings(flags), ...guard }, flags.config);
}
