// What each setting of a guard is for, for a schema and for the help of a command, which loads nothing else.

export const guardWords = {
  sources: 'whose archives are expected, separated by commas (default: bitagent)',
  keepDays: 'how long an archive stays (default: 14)',
  keepIntact: 'intact archives that always stay (default: 7)',
  keepWeekly: 'weeks of which the newest intact archive stays besides (default: 0)',
  keepMonthly: 'months likewise (default: 0)',
  keepYearly: 'years likewise (default: 0)',
  rereadPercent: 'how many of a hundred archives are read again each night (default: 15)',
  freshnessHours: 'age of the newest intact archive from which you are told (default: 26)',
  rpoMinutes: 'age of the newest point in time that can be recovered, likewise (default: 60)',
  restoreTestDays: 'age of the last passed restore test, likewise (default: 100)',
  email: 'where mails go; several are separated by commas',
  smtpUrl: 'by which server: smtps://USER:PASSWORD@HOST',
  mailFrom: 'the address that mails come from (default: the first of email)',
  objectLock: "how locks are extended: governance, compliance, off (default: the bucket's own)",
  restoreUrl: 'a server for restore tests alone (default: one is made and thrown away)',
  postgresMajor: "of the restore test's server, where Docker runs it (default: 16)",
} as const;

export type GuardSetting = keyof typeof guardWords;
