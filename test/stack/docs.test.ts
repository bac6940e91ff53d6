// docs/cloud.md against the template and the settings: who may write and delete, and what is taken where nothing is said.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, test } from 'vitest';
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import type { Template as Deployed } from '../../lib/rehearsal/template/template.ts';
import { OffsiteStack } from '../../lib/stack/offsite-stack.ts';
import { projectRoot } from '../fixtures/cdk.ts';
import { createAccount } from '../fixtures/iam.ts';

const outdir = mkdtempSync(join(tmpdir(), 'offsite-docs-'));
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, outdir });
const deployment = parseDeployment({ email: 'op@example.com' });
const stack = new OffsiteStack(app, 'OffsiteStack', { deployment });
const account = createAccount(Template.fromStack(stack).toJSON() as Deployed);

const page = readFileSync(join(projectRoot, 'docs', 'cloud.md'), 'utf8');
/** The cells of the rows whose first cell begins so. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const rowOf = (name: string) => rows.find(([first]) => first?.startsWith(name)) ?? [];

const holders: [row: string, role: string][] = [
  ['`verify`', 'HandlersVerifyRole'],
  ['`read-range`, `join-ranges`', 'HandlersJoinRangesRole'],
  ['`expire`', 'HandlersExpireRole'],
  ['`watch`', 'HandlersWatchRole'],
  ['`launch-restore-test`', 'HandlersLaunchRestoreTestRole'],
  ['restore test', 'RestoreTaskTaskRole'],
  ['the task of a large base backup', 'RestoreTaskVerifyTaskRole'],
  ['`report`', 'HandlersReportRole'],
  ['the agent', 'IdentitiesAgentbitagentPolicy'],
  ['you, reading', 'IdentitiesOperatorPolicy'],
  ['you, bringing back', 'IdentitiesUndoPolicy'],
  ['you, accepting', 'IdentitiesAcceptPolicy'],
];
const permissionsOf = (role: string) => account.permissionsOf(account.policiesOf(role));

test('what lies in the vault is what somebody may have to do with', () => {
  const [, list = ''] = /^(?:.*\. )?In it lie (.*?)\n\n/ms.exec(page) ?? [];
  const named = [...list.matchAll(/`([a-z-]+\/)`/g)].map(([, prefix]) => prefix);
  const used = holders.flatMap(([, role]) =>
    permissionsOf(role).flatMap(
      ({ resource }) => /^arn:aws:s3:::[^/]*\/([a-z-]+\/)/.exec(resource)?.[1] ?? [],
    ),
  );
  expect(named.sort()).toEqual([...new Set(used)].sort());
});

describe('who may do what', () => {
  test.each(holders)(
    '%s: what it reads, writes, lists, deletes and mails is said, and no more',
    (name, role) => {
      const [, may = '', mayNot = ''] = rowOf(name);
      const permissions = permissionsOf(role);
      const has = (action: string) => permissions.some((one) => one.action === action);
      const says = (words: RegExp) => words.test(may);
      expect(says(/writ|note|create|hold|say/), `${may}: writing`).toBe(has('s3:PutObject'));
      expect(says(/delete marker/), `${may}: deleting`).toBe(
        has('s3:DeleteObject') || has('s3:DeleteObjectVersion'),
      );
      expect(says(/RunTask|start the one task/), `${may}: starting tasks`).toBe(has('ecs:RunTask'));
      const readsArchives = permissions.some(
        ({ action, resource }) => action === 's3:GetObject' && /:::[^/]*\/(archives\/)?\*$/.test(resource),
      );
      expect(says(/read archives|fetch, verify, restore/), `${may}: reading`).toBe(readsArchives);
      expect(says(/\bmail\b(?! from)/) && !says(/test mail/), `${may}: mailing`).toBe(has('sns:Publish'));
      if (has('s3:PutObject')) expect(mayNot).not.toMatch(/write anything|write to the vault|see the vault/);
    },
  );
});

describe('settings', () => {
  const settings = Object.entries(deployment).filter(([key]) => key !== 'email' && key !== 'sources');

  test.each(settings)('%s: its default is the one that is taken', (key, value) => {
    const row = rows.find(([first]) => first?.includes(`\`${key}\``)) ?? [];
    expect(row[1]?.replaceAll('`', '').split(' ')[0]).toBe(String(value));
  });
});
