// That the comparison of calls and roles finds something: a permission that is missing, and one that nobody needs.

import { expect, test } from 'vitest';
import { createCallLog, principals } from '../../lib/rehearsal/aws/aws-calls.ts';
import { compareWithRoles, withoutReason } from './permissions.ts';

const object = 'arn:aws:s3:::offsite/archives/bitagent/x.sql.gz';
const signedBy = (key: string, service = 's3') => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${key}/20261124/us-east-1/${service}/aws4_request, SignedHeaders=host`,
});

test('what a role does not allow is refused, and so is what nobody knows', async () => {
  const call = (principal: string, action: string) => ({ principal, action, resource: object, context: {} });
  const { refused } = await compareWithRoles([
    call(principals.operator, 's3:GetObject'),
    call(principals.agent, 's3:GetObject'),
    call('nobody', 's3:GetObject'),
    call(principals.operator, 'unknown: s3 POST /offsite?delete'),
  ]);
  expect(refused).toEqual([
    `agent: s3:GetObject on ${object}: ImplicitlyDenied`,
    `nobody: s3:GetObject on ${object}: ImplicitlyDenied`,
    `operator: unknown: s3 POST /offsite?delete on ${object}: not known to the rehearsal`,
  ]);
});

test('what nobody asked for is unused, and stands only with a reason', async () => {
  const { unused } = await compareWithRoles([]);
  expect(withoutReason(unused)).toEqual(
    expect.arrayContaining([
      'Expire: s3:DeleteObject on archives/*',
      'LaunchRestoreTest: ecs:RunTask on RestoreTaskTaskDefinition:1',
      'Verify: s3:PutObject on verdicts/*',
      'agent: s3:PutObject on archives/bitagent/bitagent-????-??-??-??????Z.sql.gz',
    ]),
  );
  expect(withoutReason(unused)).not.toContain('Verify: s3:GetObjectVersion on archives/*');
});

test.each([
  ['PUT', '/b/k', {}, 's3:PutObject', { 's3:ObjectCreationOperation': 'true' }],
  ['PUT', '/b/k?partNumber=1&uploadId=u', {}, 's3:PutObject', { 's3:ObjectCreationOperation': 'false' }],
  ['POST', '/b/k?uploads', {}, 's3:PutObject', { 's3:ObjectCreationOperation': 'false' }],
  [
    'POST',
    '/b/k?uploadId=u',
    { 'if-none-match': '*' },
    's3:PutObject',
    { 's3:ObjectCreationOperation': 'true', 's3:if-none-match': '*' },
  ],
  ['DELETE', '/b/k?uploadId=u', {}, 's3:AbortMultipartUpload', {}],
  ['DELETE', '/b/k', {}, 's3:DeleteObject', {}],
  ['DELETE', '/b/k?versionId=v', {}, 's3:DeleteObjectVersion', {}],
  ['HEAD', '/b/k', {}, 's3:GetObject', {}],
  ['GET', '/b/k?versionId=v', {}, 's3:GetObjectVersion', {}],
  ['GET', '/b?list-type=2', {}, 's3:ListBucket', {}],
  ['GET', '/b?versions', {}, 's3:ListBucketVersions', {}],
  ['POST', '/b?delete', {}, 'unknown: s3 POST /b?delete', {}],
])('%s %s %j is %s', (method, url, headers, action, context) => {
  const log = createCallLog('own');
  log.request({ method, url, headers: { ...headers, ...signedBy('someone') } });
  log.request({ method, url, headers: { ...headers, ...signedBy('someone') } });
  log.request({ method, url, headers: { ...headers, ...signedBy('own') } });
  log.request({ method, url, headers });
  expect(log.calls).toEqual([expect.objectContaining({ principal: 'someone', action, context })]);
});
