import type { Cure, Explanation, SentenceCure } from '../../../src/explore/explain/explain.ts';
import type { OpenEnd } from '../../../src/explore/explain/open-end.ts';
import { recordText, type TraceContext } from '../report/trace-text.ts';
import type { Style } from '../terminal/style.ts';
import { wrap } from '../terminal/wrap.ts';

/** What a failing run lacks, as it was found by trying. */

const MOST_CURES = 3;

export function explanationLines(explanation: Explanation, context: TraceContext, style: Style): string[] {
  const { cures, sentences, openEnds } = explanation;
  const cured = [...cures.slice(0, MOST_CURES).map(cureText), ...sentences.map(sentenceText)];
  const lines = [
    ...cured.map((text, i) => `${i === 0 ? 'cured by' : '      or'}  ${text}`),
    cured.length === 0 ? `no cure   ${noneText(explanation)}` : `tried     ${triedText(explanation)}`,
    ...openEnds.map((end, i) => `${i === 0 ? 'open' : '    '}      ${openText(end, context)}`),
  ];
  return lines.flatMap((line) => wrap(line, style.width - 2, '          ').map((part) => `  ${part}`));
}

function cureText(cure: Cure): string {
  const { insert, cpu, after, before, between, inInterrupt, linux, undo, places } = cure;
  const [from, to] = between;
  const when = [
    inInterrupt ? 'in an interrupt' : '',
    from === '' ? '' : `after * ${from}`,
    to === '' ? '' : `before * ${to}`,
  ].filter((part) => part !== '');
  const where = `between ${after === '' ? 'the start' : after} and ${before}`;
  const undone = undo === undefined ? '' : `, and ${undo.insert} before ${undo.before}`;
  const also = places > 1 ? ` (there, or at ${places - 1} place${places === 2 ? '' : 's'} beside it)` : '';
  const inLinux = linux === undefined ? '' : `: ${linux}, 6.18`;
  return `${insert} ${where}${also}${undone}, CPU ${cpu}, ${when.join(', ')}${inLinux}`;
}

function sentenceText({ sentence, revision, linux }: SentenceCure): string {
  return `${sentence} as ${revision} has it${linux === undefined ? '' : `: ${linux}`}`;
}

/** How it was found, so that nobody takes it for a proof. */
function triedText({ without: { schedules, violated }, cures, tried }: Explanation): string {
  const line = cures.length > 0 ? 'the line' : 'it';
  return [
    `with ${line} all ${n(schedules)} schedules tried end well, without it ${n(violated)} of ${n(schedules)} do not`,
    `(${n(tried.lines)} lines at ${n(tried.places)} places${cures.length > 0 ? '' : ', none of which helps alone'};`,
    `${n(tried.runs)} runs)`,
  ].join(' ');
}

function noneText({ tried }: Explanation): string {
  return [
    `no barrier, TLBI, TTBR write or wait at any one place makes it good (${n(tried.lines)} lines at ${n(tried.places)}`,
    `places, ${n(tried.runs)} runs): no single line is missing`,
  ].join(' ');
}

function openText({ record, lacks }: OpenEnd, context: TraceContext): string {
  return `CPU ${record.cpu}, step ${record.step}: ${recordText(record, context)}, ${LACKS[lacks]}`;
}

const LACKS: Readonly<Record<OpenEnd['lacks'], string>> = {
  DSB: 'which walkers need not see: no DSB since',
  'DSB ISH': 'which other CPUs need not have heard of: no DSB ISH since',
  'DSB NSH': 'which need not have happened: no DSB since',
  ISB: 'which need not be in force: no ISB since',
  TLBI: 'which no program asked for: no TLBI of that CPU since',
};

const n = (value: number): string => value.toLocaleString('en-US');
