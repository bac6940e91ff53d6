// The break-glass kit on one page: as text for a terminal, and as HTML for a printer or a phone. Neither needs anything else.

import { formatInstant } from '../base/quantities.ts';
import { wrap } from '../base/wrap.ts';
import { constantHtml, html } from '../page/html.ts';
import { type Kit, recipeOf } from './recipe.ts';

const columns = 80;

const style = `:root{color-scheme:light dark;--page:#fff;--text:#17202b;--muted:#556270;--soft:#eef1f5;--edge:#cfd6de}
@media (prefers-color-scheme:dark){:root{--page:#0e1218;--text:#e8edf3;--muted:#9dabba;--soft:#1a222d;--edge:#2f3946}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:24px 16px 48px;max-width:820px;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:26px;line-height:1.2;margin:0 0 8px}
h2{font-size:17px;line-height:1.3;margin:24px 0 4px}
p{margin:0 0 8px;overflow-wrap:anywhere}
.caption{color:var(--muted);font-size:14px}
pre{margin:0;padding:12px;background:var(--soft);border:1px solid var(--edge);border-radius:8px;font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
@media print{:root{--page:#fff;--text:#000;--muted:#333;--soft:#fff;--edge:#888}body{padding:0;max-width:none;font-size:11pt}pre{font-size:9pt}section{break-inside:avoid}}`;

const lead =
  'With aws, gunzip and psql alone: no program of bitagent-offsite is needed. Keep it where it does not burn with the host.';

export function kitText(kit: Kit): string {
  const steps = recipeOf(kit).flatMap(({ title, why, commands }, index) => [
    '',
    `${index + 1}. ${title}`,
    ...wrap(why, columns),
    '',
    ...commands.split('\n').map((line) => `    ${line}`),
  ]);
  return `${[titleOf(kit), '', ...wrap(lead, columns), ...wrap(captionOf(kit), columns), ...steps].join('\n')}\n`;
}

export function kitPage(kit: Kit): string {
  const steps = recipeOf(kit).map(
    ({ title, why, commands }, index) =>
      html`<section><h2>${index + 1}. ${title}</h2><p>${why}</p><pre>${commands}</pre></section>`,
  );
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${titleOf(kit)}</title><style>${constantHtml(style)}</style></head>
<body><h1>${titleOf(kit)}</h1><p>${lead}</p><p class="caption">${captionOf(kit)}</p>
${steps}
</body></html>
`;
  return page.markup;
}

function titleOf({ source }: Kit): string {
  return `How ${source} comes back, by hand`;
}

function captionOf({ bucket, region, endpoint, newest, writtenAt }: Kit): string {
  const where = [`Bucket ${bucket}`, region && `region ${region}`, endpoint].filter(Boolean).join(', ');
  const latest = newest === undefined ? '' : ` The newest intact archive was ${newest.id} then.`;
  return `${where}. Written ${formatInstant(writtenAt)}.${latest}`;
}
