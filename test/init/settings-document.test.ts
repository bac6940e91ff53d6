import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settingsText } from '../../lib/init/settings-document.ts';
import { parseSettingsText } from '../../lib/settings/settings-text.ts';

const word = fc.string({ minLength: 1 });
const answers = fc.record(
  {
    bucket: word,
    region: word,
    dump: fc.record({ via: fc.constant('container'), container: word, user: word }),
  },
  { requiredKeys: ['bucket'] },
);

describe('a settings file as init leaves it', () => {
  it('says what was answered, whatever that is, and is the same when it is said again', () => {
    fc.assert(
      fc.property(answers, answers, fc.boolean(), (first, second, isJson) => {
        const once = settingsText(undefined, first, isJson);
        expect(parseSettingsText(once)).toMatchObject({ settings: first });
        expect(settingsText(once, first, isJson)).toBe(once);
        const twice = settingsText(once, second, isJson);
        expect(parseSettingsText(twice)).toMatchObject({ settings: { ...first, ...second } });
      }),
    );
  });

  it('keeps comments and order, changes what is answered anew, takes out what is no more', () => {
    const before = `# mine
bucket: old # the first
pingUrl: https://hc-ping.com/x
# how
dump: { via: container, container: db }
endpoint: http://store.example
`;
    const changes = { bucket: 'new', endpoint: undefined, region: 'eu-west-1' };
    expect(settingsText(before, changes, false)).toBe(`# mine
bucket: new # the first
pingUrl: https://hc-ping.com/x
# how
dump: { via: container, container: db }
region: eu-west-1
`);
  });

  it('begins with what it is, and each setting with what it says', () => {
    const text = settingsText(
      undefined,
      { bucket: 'vault', dump: { via: 'container', container: 'db' } },
      false,
    );
    expect(text).toBe(`# Settings of offsite. 'offsite config' shows what is in force,
# docs/agent.md has all of them.
# Whoever may write this file can have a command run: leave it to its owner.

# the vault
bucket: vault
# how the dump is taken
dump:
  via: container
  container: db
`);
  });
});
