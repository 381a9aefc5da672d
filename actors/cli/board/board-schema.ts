import { z } from 'zod';
import { parseSize } from '../../../src/arch/address.ts';
import { bbmClasses, granules, paBitsChoices, vaBitsByGranule } from '../../../src/hardware/board/board.ts';
import { cpuModelNames } from '../../../src/hardware/board/cpu-models.ts';

/*
 * The shape of a board file. Every `error` completes the sentence "expected ..."; board-file.ts says where and what was
 * found. Nothing is transformed here, so that the JSON Schema and the check are one and the same.
 */

const sizePattern = /^(0x[0-9a-fA-F]+|\d+(\.\d+)?)\s*([kKmMgGtT]?)([iI]?[bB])?$/;
const vaBitsChoices = [...new Set(Object.values(vaBitsByGranule).flat())].sort((a, b) => a - b);

const aSize = 'a size such as 4GiB, 512MiB, 0x10000 or a number of bytes';
const anAddress = 'an address such as 0x40000000 or 2GiB';
const aCount = (min: number, max: number) => `a whole number from ${min} to ${max}`;

const quantity = (error: string) =>
  z.union(
    [
      z.int({ error }).nonnegative({ error }),
      z
        .string()
        .regex(sizePattern, { error, abort: true })
        .refine((text) => parseSize(text) !== undefined, { error }),
    ],
    { error },
  );
const size = quantity(aSize).describe('4GiB, 512MiB, 64KiB, 0x10000, or a number of bytes; units are powers of 1024');
const address = quantity(anAddress).describe('0x40000000 or 2GiB');
const count = (min: number, max: number) =>
  z
    .int({ error: aCount(min, max) })
    .min(min, { error: aCount(min, max) })
    .max(max, { error: aCount(min, max) });
const oneOf = <T extends number>(choices: readonly T[]) =>
  z.literal(choices, { error: `one of ${choices.join(', ')}` });
const flag = z.boolean({ error: 'true or false' });

const modelName = z
  .union([z.enum(cpuModelNames), z.string()], { error: 'the name of a CPU model' })
  .describe('a model of this file or a part that asymmu knows');

const aCpuLine = 'a model, or a model and a count such as cortex-a520 x6';
export const cpuLinePattern = /^(\S+)(?:\s+x\s*(\d{1,3}))?$/;
const cpuLine = z
  .union([z.enum(cpuModelNames), z.string().regex(cpuLinePattern, { error: aCpuLine })], { error: aCpuLine })
  .describe(aCpuLine);

const features = z
  .strictObject(
    {
      tlbiRange: flag.optional().describe('TLBI by range: ID_AA64ISAR0_EL1.TLB = 2'),
      ttl: flag.optional().describe('TLBI level hints: ID_AA64MMFR2_EL1.TTL'),
      cnp: flag.optional().describe('common not private: ID_AA64MMFR2_EL1.CnP'),
      e0pd: flag.optional().describe('ID_AA64MMFR2_EL1.E0PD'),
      hpds: flag.optional().describe('hierarchical permission disables: ID_AA64MMFR1_EL1.HPDS'),
      pan: flag.optional().describe('ID_AA64MMFR1_EL1.PAN'),
      lpa: flag.optional().describe('52-bit physical addresses with 64K pages'),
      hafdbs: oneOf([0, 1, 2]).optional().describe('hardware access flag and dirty state: ID_AA64MMFR1_EL1.HAFDBS'),
      paBits: oneOf(paBitsChoices).optional().describe('ID_AA64MMFR0_EL1.PARange in bits'),
    },
    { error: 'features such as { ttl: true, paBits: 48 }' },
  )
  .describe('what the ID registers say; whatever is left out comes from `like`');

const model = z
  .strictObject(
    {
      like: modelName.optional().describe('start from this part; everything else here overrides it'),
      name: z.string({ error: 'a name' }).min(1, { error: 'a name' }).optional().describe('as it appears in reports'),
      midr: address.optional().describe('MIDR_EL1: Implementer 31:24, Variant 23:20, 0xf, PartNum 15:4, Revision 3:0'),
      bbm: oneOf([0, 1, 2, 3]).optional().describe('ID_AA64MMFR2_EL1.BBM as the register reads'),
      conflicts: z
        .enum(bbmClasses, { error: `one of ${bbmClasses.join(', ')}` })
        .optional()
        .describe('what the silicon does when two TLB entries of different size match: may differ from `bbm`'),
      features: features.optional(),
      tlb: z
        .strictObject(
          { entries: count(1, 65536).optional(), ways: count(1, 65536).optional() },
          { error: 'a TLB such as { entries: 2048, ways: 8 }' },
        )
        .optional()
        .describe('entries / ways must be a power of two'),
      walkCache: z.strictObject({ entries: count(1, 4096) }, { error: 'a size such as { entries: 64 }' }).optional(),
      storeBuffer: z.strictObject({ entries: count(1, 4096) }, { error: 'a size such as { entries: 32 }' }).optional(),
      errata: z
        .array(z.string({ error: "an erratum such as '3683289', in quotes" }), { error: 'a list of errata' })
        .optional()
        .describe("errata by Linux's umbrella number, in quotes"),
    },
    { error: 'a CPU model such as { like: cortex-x4-r0p3, conflicts: level2 }' },
  )
  .describe('a part that does not exist yet; without `like` everything must be given');

const cpuGroup = z.strictObject(
  { model: modelName, count: count(1, 512).optional() },
  { error: 'a CPU such as { model: cortex-a520, count: 6 }' },
);

export const boardFileSchema = z
  .strictObject(
    {
      $schema: z.string({ error: 'the address of the JSON Schema' }).optional(),
      name: z.string({ error: 'a name' }).min(1, { error: 'a name' }),
      summary: z.string({ error: 'a sentence' }).optional().describe('one line for `asymmu boards`'),
      granule: z
        .enum(granules, { error: `one of ${granules.join(', ')}` })
        .optional()
        .describe('translation granule; 4K if left out'),
      vaBits: oneOf(vaBitsChoices)
        .optional()
        .describe('bits of a virtual address; 48 if left out. 4K: 39, 48; 16K: 36, 47, 48; 64K: 42, 48'),
      memory: z
        .array(z.strictObject({ base: address, size }, { error: 'a range such as { base: 0x40000000, size: 4GiB }' }), {
          error: 'a list of ranges such as [{ base: 0x40000000, size: 4GiB }]',
        })
        .min(1, { error: 'at least one range such as { base: 0x40000000, size: 4GiB }' })
        .describe('RAM, in ascending order'),
      kernelImage: z
        .strictObject(
          {
            pa: address.optional().describe('of _text'),
            text: size.optional().describe('_text to _etext'),
            rodata: size.optional().describe('_etext to __init_begin'),
            init: size.optional().describe('__init_begin to _data'),
            data: size.optional().describe('_data to _end'),
          },
          { error: 'an image such as { pa: 0x40210000, text: 13MiB }' },
        )
        .optional()
        .describe('a 32 MiB distribution kernel 0x210000 above the start of RAM, unless said otherwise'),
      models: z
        .record(z.string(), model, { error: 'CPU models by name, such as { big: { like: cortex-x4-r0p3 } }' })
        .optional()
        .describe('parts that exist in this file only'),
      cpus: z
        .array(
          z.union([cpuLine, cpuGroup], {
            error: 'a model, a model and a count such as cortex-a520 x6, or { model: cortex-a520, count: 6 }',
          }),
          { error: 'a list of CPUs such as [cortex-x4-r0p3 x2, cortex-a520 x6]' },
        )
        .min(1, { error: 'at least one CPU' })
        .describe('in the order of logical CPU ids; CPU 0 boots'),
      interconnect: z
        .strictObject({ dvmLatencyCycles: count(0, 1_000_000) }, { error: 'such as { dvmLatencyCycles: 100 }' })
        .optional()
        .describe('how long a broadcast TLBI travels; 100 cycles if left out'),
      lateCpus: z
        .array(count(0, 511), { error: 'a list of CPU ids such as [7]' })
        .optional()
        .describe('CPUs that are brought up only after the capabilities are final'),
    },
    { error: 'a board: name, memory and cpus at least' },
  )
  .meta({ title: 'asymmu board', description: 'A machine for asymmu: its CPUs, its memory, its translation granule' });

export type BoardFile = z.infer<typeof boardFileSchema>;
export type ModelInFile = z.infer<typeof model>;

/** The JSON Schema of board files, for editors. Draft 7, because that is what YAML language servers read. */
export const boardJsonSchema = () => z.toJSONSchema(boardFileSchema, { io: 'input', target: 'draft-7' });
