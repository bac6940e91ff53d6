import { describe, expect, test } from 'vitest';
import { providePostgres, type Way } from '../../../lib/rehearsal/stage/postgres-programs.ts';

const binDir = '/usr/lib/postgresql/15/bin';
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
    const { look, trodden } = waysOf({ missing: 'no programs' }, { binDir }, { missing: 'no packages' });
    const never = () => Promise.reject(new Error('asked'));
    expect(await providePostgres(never, look)).toBe(binDir);
    expect(trodden).toEqual(['look 0', 'look 1']);
  });

  test('downloads only what was agreed to', async () => {
    const { look, trodden } = waysOf(
      { downloads: 'packages', bring: async () => '/elsewhere' },
      { downloads: 'others', bring: async () => binDir },
    );
    const asked: string[] = [];
    const agrees = async (downloads: string) => {
      asked.push(downloads);
      return downloads === 'others';
    };
    expect(await providePostgres(agrees, look)).toBe(binDir);
    expect(asked).toEqual(['packages', 'others']);
    expect(trodden).toEqual(['look 0', 'look 1', 'bring 1']);
  });

  test('goes on where a download fails, and says at last why no way did', async () => {
    const { look } = waysOf(
      { missing: 'no programs' },
      { downloads: 'packages', bring: () => Promise.reject(new Error('no network')) },
      { missing: 'none elsewhere' },
    );
    await expect(providePostgres(yes, look)).rejects.toMatchObject({
      code: 'PROGRAM_MISSING',
      found: 'no programs; no network; none elsewhere',
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
      { binDir },
    );
    await expect(providePostgres(yes, look, stop.signal)).rejects.toThrow('interrupted');
    expect(trodden).toEqual(['look 0', 'bring 0']);
  });
});
