import { describe, expect, test } from 'vitest';
import {
  containerArguments,
  type PostgresSource,
  providePostgres,
  type Way,
} from '../../../lib/rehearsal/stage/postgres-programs.ts';

const here: PostgresSource = { from: 'here', binDir: '/usr/lib/postgresql/15/bin' };
const yes = async () => true;

/** Ways in their order, and which of them were looked at and gone. */
function waysOf(...ways: Way[]) {
  const trodden: string[] = [];
  const look = ways.map((way, index) => async () => {
    trodden.push(`look ${index}`);
    if (!('bring' in way)) return way;
    return {
      ...way,
      bring: () => {
        trodden.push(`bring ${index}`);
        return way.bring();
      },
    };
  });
  return { look, trodden };
}

describe('providePostgres', () => {
  test('takes what is there, and asks for nothing', async () => {
    const { look, trodden } = waysOf({ missing: 'no programs' }, { ready: here }, { missing: 'no docker' });
    const never = () => Promise.reject(new Error('asked'));
    expect(await providePostgres(never, look)).toEqual(here);
    expect(trodden).toEqual(['look 0', 'look 1']);
  });

  test('downloads only what was agreed to', async () => {
    const { look, trodden } = waysOf(
      { downloads: 'packages', bring: async () => here },
      { downloads: 'an image', bring: async () => ({ from: 'docker', image: 'postgres:16' }) },
    );
    const asked: string[] = [];
    const agrees = async (downloads: string) => {
      asked.push(downloads);
      return downloads === 'an image';
    };
    expect(await providePostgres(agrees, look)).toEqual({ from: 'docker', image: 'postgres:16' });
    expect(asked).toEqual(['packages', 'an image']);
    expect(trodden).toEqual(['look 0', 'look 1', 'bring 1']);
  });

  test('goes on where a download fails, and says at last why no way did', async () => {
    const { look } = waysOf(
      { missing: 'no programs' },
      { downloads: 'packages', bring: () => Promise.reject(new Error('no network')) },
      { missing: 'no docker' },
    );
    await expect(providePostgres(yes, look)).rejects.toMatchObject({
      code: 'PROGRAM_MISSING',
      found: 'no programs; no network; no docker',
      hint: expect.stringContaining('apt-get install postgresql'),
    });
  });

  test('ends at an interruption, and takes no other way then', async () => {
    const stop = new AbortController();
    const { look, trodden } = waysOf(
      {
        downloads: 'packages',
        bring: () => {
          stop.abort(new Error('interrupted'));
          return Promise.reject(new Error('killed'));
        },
      },
      { ready: here },
    );
    await expect(providePostgres(yes, look, stop.signal)).rejects.toThrow('interrupted');
    expect(trodden).toEqual(['look 0', 'bring 0']);
  });
});

test('the container sees the project read-only, and may write beside the figures alone', () => {
  const args = containerArguments('postgres:16', ['--torrents', '5'], '/var/tmp/out/figures.json', false);
  const mounts = args.filter((_, index) => args[index - 1] === '-v');
  expect(mounts).toEqual([expect.stringMatching(/^(\/.+[^/]):\1:ro$/), '/var/tmp/out:/var/tmp/out:rw']);
  expect(args).not.toContain('--tty');
  expect(args.slice(args.indexOf('postgres:16'))).toEqual([
    'postgres:16',
    'lib/rehearsal/rehearse.ts',
    '--torrents',
    '5',
    '--json',
    '/var/tmp/out/figures.json',
  ]);
});
