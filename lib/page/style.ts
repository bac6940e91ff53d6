// The page's only style sheet. Its hash stands in the page's policy, so that no other style counts.

import { createHash } from 'node:crypto';

const palette = {
  light: `--page:#f4f5f7;--card:#fff;--edge:#dfe3e8;--soft:#eceff3;--text:#17202b;--muted:#556270;--accent:#2f5fd0;--second:#8c6bd1;--aside:#7a8796;--area:#2f5fd01c;--pass:#0f7a4c;--pass-soft:#e2f4ea;--warn:#8a5800;--warn-soft:#fdf1d8;--fail:#b3231b;--fail-soft:#fdeae8;--on-sign:#fff`,
  dark: `--page:#0e1218;--card:#161c25;--edge:#2a333f;--soft:#222b36;--text:#e8edf3;--muted:#9dabba;--accent:#7aa5ff;--second:#b79bff;--aside:#7f8c9b;--area:#7aa5ff26;--pass:#56cf93;--pass-soft:#15301f;--warn:#e9b957;--warn-soft:#33280f;--fail:#ff8078;--fail-soft:#3a1a19;--on-sign:#0e1218`,
} as const;

const page = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
main,footer{max-width:1080px;margin:0 auto;padding:0 24px}
main{padding-top:40px}
footer{padding-top:8px;padding-bottom:40px;color:var(--muted);font-size:14px}
h1,h2,h3,p,dl,dd,ul,figure{margin:0;padding:0}
h1{font-size:34px;line-height:1.15;letter-spacing:-.02em;text-wrap:balance}
h2{font-size:19px;line-height:1.3;letter-spacing:-.01em}
h2.bare{margin:32px 0 12px}
article+article,section+article{margin-top:56px;border-top:2px solid var(--edge);padding-top:32px}
a{color:var(--accent)}
h3{font-size:16px;line-height:1.35}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em;overflow-wrap:anywhere}
pre{margin:8px 0 0;padding:12px;background:var(--soft);border-radius:8px;white-space:pre-wrap}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.card{background:var(--card);border:1px solid var(--edge);border-radius:14px;padding:20px 24px;margin:0 0 16px;min-width:0}
.caption{color:var(--muted);font-size:14.5px;margin-top:2px}
.grid{display:grid;grid-template-columns:1fr 1fr;gap:16px}
.grid>.card{margin:0}
.grid>.row{grid-column:1/-1}
.unread{margin:0 0 12px}
.grid{margin-bottom:16px}`;

const head = `header{margin-bottom:24px}
.eyebrow{color:var(--muted);font-size:15px;margin-bottom:14px}
.when::before{content:" \\b7  "}
.eyebrow b{color:var(--text);font-weight:600}
.outcome{display:flex;align-items:center;gap:18px}
.sign{flex:none}
.sign circle{fill:var(--pass)}
.unwell>header .sign circle{fill:var(--fail)}
ul.lead{padding-left:22px}
.card.well{border-left:6px solid var(--pass)}
.card.unwell{border-left:6px solid var(--fail)}
.advice.unwell{color:var(--fail)}
.sign path{fill:none;stroke:var(--on-sign);stroke-width:4;stroke-linecap:round;stroke-linejoin:round}
.lead{margin-top:16px;font-size:18px;line-height:1.55;max-width:46em}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:16px;margin-bottom:16px}
.tile{margin:0;padding:16px 20px;display:flex;flex-direction:column}
.tile dt{color:var(--muted);font-size:14px}
.tile strong{display:block;font-size:26px;line-height:1.25;letter-spacing:-.02em;overflow-wrap:anywhere}
.tile span{display:block;color:var(--muted);font-size:13.5px;line-height:1.35}
.failure{border-color:var(--fail);border-left-width:6px}
.message{font-size:18px;font-weight:600;margin:6px 0 12px;overflow-wrap:anywhere}
.advice{margin-top:12px;overflow-wrap:anywhere}
.commands{margin:6px 0 0;padding-left:20px}
.proofs{list-style:none;margin-top:10px}
.proofs li{display:grid;grid-template-columns:26px minmax(0,19em) minmax(0,1fr);gap:2px 12px;padding:9px 0;border-top:1px solid var(--edge);align-items:baseline}
.proofs .mark{font-weight:700;text-align:center;color:var(--pass)}
.proofs .differs .mark,.proofs .differs .result{color:var(--fail)}
.proofs .not-reached .mark,.proofs .not-reached .result,.proofs .skipped .mark,.proofs .skipped .result{color:var(--muted)}
.proofs .what{font-weight:600;overflow-wrap:anywhere}
.proofs .result{overflow-wrap:anywhere}`;

const pictures = `.plot{display:flex;gap:8px;margin-top:14px}
.plot svg{display:block;overflow:visible}
.drawing{flex:1;width:100%;min-width:0}
.axis{flex:none;width:54px}
svg text{font-size:12px;fill:var(--muted);paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.axis text{text-anchor:end}
.name,.value{text-anchor:middle}
.name.first{text-anchor:start}
.name.last,.time{text-anchor:end}
.value.strong{font-weight:700;fill:var(--text)}
line.rule{stroke:var(--edge)}
line.base{stroke:var(--aside)}
line,rect{shape-rendering:crispEdges}
rect[rx]{shape-rendering:auto}
.bar{fill:var(--accent)}
.bar.past{opacity:.5}
.bar.upper{fill:var(--second)}
.bar.aside{fill:var(--aside)}
.track{fill:var(--soft)}
.band{stroke:var(--accent);stroke-width:2}
text.band-name{fill:var(--accent);font-weight:600}
text.stage{font-size:14px;font-weight:600;fill:var(--text)}
text.stage .detail{font-size:13px;font-weight:400;fill:var(--muted)}
text.time{font-size:14px;fill:var(--text)}
.area{fill:var(--area)}
.line{fill:none;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round;stroke:var(--accent)}
.line.second{stroke:var(--aside)}
.dot{fill:var(--accent)}
.dot.second{fill:var(--aside)}
.ring{fill:none;stroke:var(--pass);stroke-width:2}
.cross path{fill:none;stroke:var(--fail);stroke-width:2.5;stroke-linecap:round}
.keys{display:flex;flex-wrap:wrap;gap:2px 16px;color:var(--muted);font-size:14px;margin-top:6px}
.keys .key{max-width:100%}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px;background:var(--accent)}
.swatch.second{background:var(--aside)}
.swatch.upper{background:var(--second)}
.key.bad{color:var(--fail)}
.key.bad b{margin-right:5px}
ul.keys{list-style:none}
.keys .night{display:inline-block;min-width:22px;margin-right:6px;border-radius:5px;text-align:center}
.sheets{display:grid;align-items:start;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:20px;margin-top:14px}
.sheet{margin:0;font-size:13px;table-layout:fixed;border-collapse:separate;border-spacing:3px}
.sheet caption{text-align:left;font-weight:600;font-size:14px;padding:0 0 4px 3px}
.sheet th,.sheet td{border:0;padding:2px 0;text-align:center;line-height:1.25;height:34px;border-radius:5px;color:var(--muted)}
.sheet th{height:auto;font-size:12px}
.sheet b{display:block;font-size:13px;line-height:1}
td.night{position:relative}
.sheet .intact,.keys .intact{background:var(--pass-soft);color:var(--pass)}
.sheet .suspicious,.keys .suspicious{background:var(--warn-soft);color:var(--warn)}
.sheet .damaged,.sheet .missing,.keys .damaged,.keys .missing{background:var(--fail-soft);color:var(--fail)}
.sheet .damaged,.sheet .missing,.sheet .suspicious{font-weight:700;outline:1.5px solid}
.sheet .unproven,.keys .unproven{background:var(--soft);color:var(--text)}
.reasons{margin:8px 0 0;padding-left:20px;color:var(--muted);font-size:14.5px}
.archives table,.scroll table{font-size:14px}
.archives td,.archives th{padding:5px 14px 5px 0}`;

const tables = `table{border-collapse:collapse;width:100%;margin-top:10px;font-size:15px}
th,td{text-align:left;vertical-align:top;padding:8px 16px 8px 0;border-top:1px solid var(--edge);font-weight:400;overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:0}
thead th{border-top:0;color:var(--muted);font-size:13.5px;padding-bottom:6px}
.figure{text-align:right;white-space:nowrap}
.detail{color:var(--muted)}
.differs th,.differs td{color:var(--fail);font-weight:600}
.bad{color:var(--fail)}
.names{font-weight:400;margin-top:4px}
.badge{display:inline-block;min-width:66px;padding:1px 9px;border-radius:99px;font-size:13.5px;font-weight:600;white-space:nowrap}
.badge.pass{color:var(--pass);background:var(--pass-soft)}
.badge.warn{color:var(--warn);background:var(--warn-soft)}
.badge.skip{color:var(--muted);background:var(--soft)}
.badge.fail{color:var(--fail);background:var(--fail-soft)}
.checks td:first-child{width:92px}
.checks th[scope=row]{width:32%}
.tag{font-size:12.5px;color:var(--muted);border:1px solid var(--edge);border-radius:99px;padding:0 7px;white-space:nowrap}
.particulars{margin-top:8px}
.particulars>div{display:grid;grid-template-columns:9em minmax(0,1fr);gap:0 12px;padding:6px 0}
.particulars dt{color:var(--muted)}
.particulars dd{overflow-wrap:anywhere}
.particulars .text{white-space:pre-wrap}
details{margin-top:12px;font-size:14px}
summary{color:var(--muted);cursor:pointer;width:max-content;max-width:100%}
summary:hover{color:var(--text)}
details table{font-size:14px}
.scroll{overflow-x:auto}
.scroll td,.scroll thead th{overflow-wrap:break-word}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:4px}`;

const narrow = `main,footer{padding-left:16px;padding-right:16px}
main{padding-top:24px}
h1{font-size:26px}
.card{padding:16px}
.outcome{align-items:flex-start;gap:14px}
.sign{width:38px;height:38px}
.sheets{grid-template-columns:1fr 1fr;gap:14px 10px}
.sheet{border-spacing:1px;font-size:12px}
.archives table{font-size:13px}
.archives tr{display:grid;grid-template-columns:5.9em minmax(0,1fr) 4.8em 7.4em;gap:0 4px;padding:6px 0;border-top:1px solid var(--edge)}
.archives thead tr{border:0}
.archives td,.archives th{border:0;padding:0}
.archives tr>:last-child{grid-column:1/-1;color:var(--muted)}
.lead{font-size:16.5px}
.tiles{grid-template-columns:1fr 1fr;gap:10px}
.tile{padding:12px 14px}
.tile strong{font-size:20px}
.tile:last-child:nth-child(odd){grid-column:1/-1}
.when{display:block}
.when::before{content:none}
.proofs li{grid-template-columns:22px minmax(0,1fr);gap:0 8px}
.proofs .result{grid-column:2}
.wide,text.stage .detail,.minor{display:none}
.particulars>div{grid-template-columns:6em minmax(0,1fr)}
th,td{padding-right:12px}
.checks thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.checks tr{display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 10px;padding:10px 0;border-top:1px solid var(--edge)}
.checks th,.checks td,.checks td:first-child,.checks th[scope=row]{border:0;padding:0;width:auto}
.checks .detail{grid-column:1/-1}`;

const paper = `body{background:#fff;font-size:10.5pt}
main,footer{max-width:none;padding:0}
.card{break-inside:avoid;border-radius:6px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
details:not([open]){display:none}
.sheets{grid-template-columns:repeat(4,1fr)}`;

/** The style sheet; a constant. */
export const pageStyle = `:root{color-scheme:light dark;${palette.light}}
@media screen and (prefers-color-scheme:dark){:root{${palette.dark}}}
${page}
${head}
${pictures}
${tables}
@media (max-width:940px){.grid{grid-template-columns:minmax(0,1fr)}}
@media screen and (max-width:720px){${narrow}}
@media print{${paper}}`;

/** As a policy names it. */
export const pageStyleHash = `sha256-${createHash('sha256').update(pageStyle).digest('base64')}`;
