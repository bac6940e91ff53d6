import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { describeArchiveStore } from './store.contract.ts';

let aws: LocalAws;

beforeAll(async () => {
  aws = await startLocalAws({ bucket: 'contract' });
});
afterAll(() => aws.stop());

describe('S3 store on fauxqs', () => {
  describeArchiveStore('contract', { createOnly: false, listsUploads: false, versions: false });

  it('says that nobody answers', async () => {
    const nowhere = createS3Store({ bucket: 'x', endpoint: 'http://127.0.0.1:9' });
    await expect(nowhere.open('x')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', exitCode: 4 });
  });
});
