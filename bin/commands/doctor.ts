import { existsSync } from 'node:fs';
import { toolVersion } from '../../lib/base/version.ts';
import {
  type Check,
  describeDiagnosis,
  diagnosisAnswer,
  diagnosisExitCode,
} from '../../lib/doctor/diagnosis.ts';
import { answerWithinMs, doctor } from '../../lib/doctor/doctor.ts';
import { createVaultProbe } from '../../lib/doctor/probe.ts';
import { chooseCompressor } from '../../lib/gzip/compressor.ts';
import { agentStateFile } from '../../lib/settings/agent-state-file.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { patienceOf } from '../../lib/store/session.ts';
import { receivedFolder } from '../../lib/wal/cluster.ts';
import { slotOf } from '../../lib/wal/slot.ts';
import { print, printJson } from './print.ts';

export async function runDoctor(
  settings: Settings,
  flags: { json?: boolean; pitr?: boolean; walDir?: string },
  signal: AbortSignal,
): Promise<void> {
  const stateFile = agentStateFile(settings.source);
  const state = await stateFile.read();
  const checks = await doctor({
    dump: settings.dump,
    vault: createVaultProbe({ ...settings, patience: patienceOf(answerWithinMs) }, settings.source),
    lastId: state?.lastId,
    lastArchiveId: state?.archive?.id,
    compressor: chooseCompressor().name,
    log: {
      slotName: slotOf(settings.source),
      folder: flags.walDir ?? [receivedFolder(settings.source)].find(existsSync),
      isWanted: flags.pitr ?? false,
    },
    state: { path: stateFile.path, warning: await stateFile.probe() },
    now: () => new Date(),
    signal,
  });
  if (flags.json) printJson('doctor', diagnosisAnswer(checks));
  else print(describe(settings, checks));
  process.exitCode = diagnosisExitCode(checks);
}

function describe({ source, bucket }: Settings, checks: readonly Check[]): string {
  const columns = Math.min(process.stdout.columns || 80, 100);
  return `offsite ${toolVersion}: ${source} to ${bucket}\n\n${describeDiagnosis(checks, columns)}`;
}
