// The first night: the agent backs up, the cloud re-reads what it wrote, and the operator sees both in a list.

import * as z from 'zod';
import { rowsOf, totalRows } from '../../archive/inventory.ts';
import { formatBytes, formatCount, formatDuration } from '../../base/quantities.ts';
import type { Night } from '../stage/keeper.ts';
import { type Database, keysBelow, offsiteOutput, type Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { keysOf, verdictOn } from './evidence.ts';

const backupSchema = z.object({
  id: z.string(),
  plainBytes: z.number(),
  compressedBytes: z.number(),
  durationMs: z.number(),
  bytesPerSecond: z.number(),
});

/** Backs up. @returns The archive's id. */
export async function backUp(scene: Scene, stage: Stage, database: Database): Promise<string> {
  scene.command('offsite backup');
  const run = await offsiteOutput(stage, database, ['backup', '--json']);
  const { id, plainBytes, compressedBytes, durationMs, bytesPerSecond } = backupSchema.parse(
    JSON.parse(run.stdout),
  );
  const { archive, manifest } = keysOf(id);
  scene.check('objects in the vault', [manifest, archive].sort(), (await keysBelow(stage, '')).sort());
  scene.say(
    `${id}: ${formatBytes(plainBytes)} of dump, ${formatBytes(compressedBytes)} stored, ` +
      `${formatDuration(durationMs)}, ${formatBytes(bytesPerSecond)}/s. Nothing touched the disk.`,
  );
  scene.quote(`${archive}\n${manifest}`);
  scene.figures({ id, plainBytes, compressedBytes, bytesPerSecond });
  scene.summarize(
    `${formatBytes(plainBytes)} → ${formatBytes(compressedBytes)}, ${formatBytes(bytesPerSecond)}/s`,
  );
  return id;
}

/** What has come is judged by its bytes. */
export async function verify(scene: Scene, { stage, keeper, id, torrents }: Night): Promise<void> {
  scene.check('judged', [{ id, verdict: 'intact', isNew: true }], await keeper.verify(scene));
  const verdict = await verdictOn(stage, id);
  if (verdict.verdict !== 'intact') throw new Error(`the verdict on ${id} is ${verdict.verdict}`);
  const { inventory, plainBytes } = verdict;
  const found = rowsOf(inventory, 'torrents');
  scene.check('torrents in the inventory', torrents, found);
  scene.say(
    `Intact. ${formatBytes(plainBytes)} inflated and scanned in ${formatDuration(verdict.durationMs)}; the inventory holds ` +
      `${formatCount(found ?? 0)} torrents, ${formatCount(totalRows(inventory))} rows in ${inventory.tables.length} tables, ` +
      `${inventory.indexes.length} indexes, ${inventory.constraints.length} constraints.`,
  );
  const again = await keeper.verifyAgain(scene, id);
  scene.check('judged once more', { id, verdict: 'intact', isNew: false }, again);
  scene.check('mails', [], await keeper.mails());
  scene.figures({ verdict: verdict.verdict, torrents: found, rows: totalRows(inventory) });
  scene.summarize(`intact, ${formatCount(found ?? 0)} torrents in the inventory`);
}

const listSchema = z.array(
  z.object({ id: z.string(), verdict: z.string(), latest: z.boolean(), torrents: z.number().nullable() }),
);

export async function listArchives(stage: Stage, database: Database): Promise<z.infer<typeof listSchema>> {
  const { stdout } = await offsiteOutput(stage, database, ['list', '--json']);
  return listSchema.parse(JSON.parse(stdout));
}

/** The operator looks. */
export async function list(scene: Scene, { stage, database, id, torrents }: Night): Promise<void> {
  scene.command('offsite list');
  scene.quote((await offsiteOutput(stage, database, ['list'])).stdout);
  const listed = await listArchives(stage, database);
  scene.check('list', [{ id, verdict: 'intact', latest: true, torrents }], listed);
  scene.figures({ archives: listed });
  scene.summarize('one archive, intact, the latest');
}
