// The pictures of the page: SVG whose horizontal positions are per cent and whose vertical ones are pixels, so that one
// drawing serves a phone and a desk, and its letters keep their height. Colours are classes; the sheet knows both schemes.
// d3's scales and shapes are the library: 64 KB bundled and pure, where Plot (712 KB with a DOM) and ECharts (537 KB)
// are ten times as large. They leave every mark to us, and the page's own policy refuses inline styles.

import { scaleLinear } from 'd3-scale';
import { type Html, html } from './html.ts';

/** Heights in pixels: above the highest value, of the values, below for the names. */
export const plotFrame = { top: 16, values: 132, below: 26 } as const;

/** Nearer to the edge, half of a name would stand out. */
const edgePercent = 6;

const baseline = plotFrame.top + plotFrame.values;
const heightPx = baseline + plotFrame.below;

export type Quantity = {
  /** As an axis has it: short. */
  readonly short: (value: number) => string;
  /** Ticks are round in this unit: 1024² for MiB. */
  readonly unitFor: (largest: number) => number;
};

export type ValueAxis = {
  /** Pixels from the top. */
  readonly y: (value: number) => number;
  readonly labels: Html;
  readonly lines: Html;
};

/** An axis from zero to a round number above the largest value. */
export function valueAxis(largest: number, { short, unitFor }: Quantity): ValueAxis {
  const unit = unitFor(largest);
  const scale = scaleLinear()
    .domain([0, largest > 0 ? largest / unit : 1])
    .nice(3)
    .range([baseline, plotFrame.top]);
  // There is no half of a row, nor of a byte.
  const whole = scale.ticks(3).filter((tick) => unit > 1 || Number.isInteger(tick));
  const ticks = whole.map((tick) => ({ y: px(scale(tick)), text: short(tick * unit) }));
  return {
    y: (value) => px(scale(value / unit)),
    labels: html`${ticks.map(({ y, text }) => html`<text x="100%" y="${y + 4}">${text}</text>`)}`,
    lines: html`${ticks.map(
      ({ y }, index) =>
        html`<line class="${index === 0 ? 'base' : 'rule'}" x1="0" x2="100%" y1="${y}" y2="${y}"/>`,
    )}`,
  };
}

/** Names below the picture. */
export function nameAxis(names: readonly { at: number; text: string; minor?: boolean }[]): Html {
  return html`${names.map(
    ({ at, text, minor }) =>
      html`<text class="name${anchorOf(at)}${minor ? ' minor' : ''}" x="${at}%" y="${heightPx - 6}">${text}</text>`,
  )}`;
}

/** A name at the edge stays within the picture. */
function anchorOf(at: number): string {
  return at < edgePercent ? ' first' : at > 100 - edgePercent ? ' last' : '';
}

export type Picture = {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What a person would see in it, for those who do not see it. */
  readonly description: string;
  readonly heightPx?: number;
  /** Labels at the left; without them the drawing takes the whole width. */
  readonly axis?: Html;
  readonly drawing: Html;
};

/** The picture itself, with its title and description for a screen reader. */
export function picture({ id, title, description, heightPx: own = heightPx, axis, drawing }: Picture): Html {
  const left = axis && html`<svg class="axis" height="${own}" aria-hidden="true">${axis}</svg>`;
  return html`<div class="plot">${left}<svg class="drawing" height="${own}" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-desc">
<title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>
${drawing}</svg></div>`;
}

/** A path over the whole width, whose horizontal coordinates are per cent. */
export function stretched(path: string | null, className: string, own = heightPx): Html {
  if (path === null || path === '') return html``;
  return html`<svg x="0" y="0" width="100%" height="${own}" viewBox="0 0 100 ${own}" preserveAspectRatio="none"><path class="${className}" d="${path}"/></svg>`;
}

/** A cross where something failed. */
export function cross(at: number, y: number, title: string): Html {
  return html`<svg class="cross" x="${at}%" y="${y}"><title>${title}</title><path d="M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5"/></svg>`;
}

/** Where the values stand on nothing, in pixels. */
export const groundY = baseline;

/** A hundredth is more than a screen shows. */
export function px(value: number): number {
  return Math.round(value * 100) / 100;
}
