import { parseSize } from '../../../src/arch/address.ts';
import type { CpuModel } from '../../../src/hardware/board/board.ts';
import { type BoardProblem, cpuModelProblems } from '../../../src/hardware/board/board-check.ts';
import { cpuModel, cpuModelNames } from '../../../src/hardware/board/cpu-models.ts';
import { didYouMean } from '../closest.ts';
import { type BoardFile, cpuLinePattern, type ModelInFile } from './board-schema.ts';

type ModelsInFile = NonNullable<BoardFile['models']>;

/** '0x410FD823', '4GiB' or a number, after the schema has accepted it. */
export const quantity = (value: number | string): number => (typeof value === 'number' ? value : parseSize(value)!);

/** 'cortex-a520 x6' in its two parts. */
export function parseCpuLine(line: string): { model: string; count: number } {
  const [, model = line, count = '1'] = cpuLinePattern.exec(line) ?? [];
  return { model, count: Number(count) };
}

/** Mentions of parts that neither the file nor asymmu knows. Reads unchecked data, to report these beside other mistakes. */
export function unknownModels(data: unknown): BoardProblem[] {
  const models = isRecord(data) && isRecord(data.models) ? data.models : {};
  const cpus = isRecord(data) && Array.isArray(data.cpus) ? data.cpus : [];
  const mentions: { path: BoardProblem['path']; name: unknown }[] = [
    ...Object.entries(models).map(([key, model]) => ({
      path: ['models', key, 'like'],
      name: isRecord(model) ? model.like : undefined,
    })),
    ...cpus.map((cpu, i) =>
      isRecord(cpu)
        ? { path: ['cpus', i, 'model'], name: cpu.model }
        : {
            path: ['cpus', i],
            name: typeof cpu === 'string' && cpuLinePattern.test(cpu) ? parseCpuLine(cpu).model : undefined,
          },
    ),
  ];
  const own = Object.keys(models);
  return mentions.flatMap(({ path, name }) => {
    if (typeof name !== 'string' || own.includes(name) || cpuModel(name) !== undefined) return [];
    return [
      {
        path,
        message: `unknown model '${name}'${didYouMean(name, [...own, ...cpuModelNames])}; expected one of ${list(own)}`,
      },
    ];
  });
}

/** The file's own parts first; then as many of the known ones as a line can bear. */
function list(own: readonly string[]): string {
  const names = [
    ...own,
    ...['cortex-x4-r0p3', 'cortex-a520', 'ampereone', 'generic-bbml1'].filter((name) => !own.includes(name)),
  ];
  return `${names.join(', ')} ... (${own.length + cpuModelNames.filter((name) => !own.includes(name)).length} in all)`;
}

/** Every part that the file defines, each complete, or what is missing. */
export function resolveModels(models: ModelsInFile): { models: Map<string, CpuModel>; problems: BoardProblem[] } {
  const resolved = new Map<string, CpuModel>();
  const problems: BoardProblem[] = [];
  for (const key of Object.keys(models)) {
    const chain = chainFrom(key, models);
    if (new Set(chain).size < chain.length) {
      problems.push({ path: ['models', key, 'like'], message: `the models go in a circle: ${chain.join(' -> ')}` });
      continue;
    }
    const { model, missing } = complete(chain, models);
    if (missing.length > 0) {
      problems.push({
        path: ['models', key],
        message: `missing ${missing.join(', ')}; expected these, or 'like: PART' to start from`,
      });
      continue;
    }
    resolved.set(key, model);
    problems.push(...cpuModelProblems(model).map(({ path, message }) => ({ path: ['models', key, ...path], message })));
  }
  return { models: resolved, problems };
}

/** What `like` leads to: another part of the file, or a known one. A part that is like its own name refines the known one. */
const nextInFile = (key: string, models: ModelsInFile): string | undefined => {
  const like = models[key]?.like;
  if (like === undefined || !Object.hasOwn(models, like)) return undefined;
  return like === key && cpuModel(key) !== undefined ? undefined : like;
};

/** A part, what it is like, and so on. In a circle the last name occurs twice. */
function chainFrom(key: string, models: ModelsInFile): string[] {
  const chain = [key];
  for (let next = nextInFile(key, models); next !== undefined; next = nextInFile(next, models)) {
    if (chain.includes(next)) return [...chain, next];
    chain.push(next);
  }
  return chain;
}

const featureNames = Object.keys(cpuModel('cortex-x4-r0p3')!.features);

function complete(chain: readonly string[], models: ModelsInFile): { model: CpuModel; missing: string[] } {
  const known = models[chain.at(-1)!]?.like;
  let partial: Partial<CpuModel> = { errata: [], ...(known === undefined ? {} : cpuModel(known)) };
  for (const name of chain.toReversed()) partial = { ...partial, ...overlay(partial, models[name]!) };
  const model = { ...partial, name: models[chain[0]!]!.name ?? chain[0] } as CpuModel;
  const missing = [
    ...(['midr', 'bbm', 'conflicts', 'walkCache', 'storeBuffer'] as const).filter((part) => model[part] === undefined),
    ...featureNames.filter((name) => !Object.hasOwn(model.features ?? {}, name)).map((name) => `features.${name}`),
    ...(['entries', 'ways'] as const).filter((part) => model.tlb?.[part] === undefined).map((part) => `tlb.${part}`),
  ];
  return { model, missing };
}

function overlay(below: Partial<CpuModel>, { like: _, midr, ...above }: ModelInFile): Partial<CpuModel> {
  const changed = {
    ...above,
    ...(midr === undefined ? {} : { midr: quantity(midr) }),
    ...(above.features === undefined ? {} : { features: { ...below.features, ...above.features } }),
    ...(above.tlb === undefined ? {} : { tlb: { ...below.tlb, ...above.tlb } }),
  };
  return changed as Partial<CpuModel>; // what is still missing is listed by complete()
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
