import { alignDown } from '../arch/address.ts';
import { GRANULES, type Granule, startLevel } from '../arch/granule.ts';
import { type Board, kernelAliasEnd, kernelImageEnd, memstartAddr } from '../hardware/board/board.ts';

/** Where the kernel puts things in its half of the address space. Linux: arch/arm64/include/asm/memory.h. */
export interface AddressSpace {
  readonly granule: Granule;
  readonly vaBits: number;
  readonly startLevel: number;
  /** PAGE_OFFSET: start of the linear map, which ends at PAGE_END. */
  readonly pageOffset: number;
  readonly pageEnd: number;
  /** memstart_addr: the physical address that PAGE_OFFSET maps. */
  readonly memstart: number;
  /** KIMAGE_VADDR: where _text is mapped. */
  readonly kimageVaddr: number;
  /** VMALLOC_START, which is MODULES_END: the image lies first in the vmalloc area, as an area of its own. */
  readonly vmallocStart: number;
  /** VMALLOC_END, 8 MiB below the array of struct page. */
  readonly vmallocEnd: number;
  readonly text: number;
  readonly etext: number;
  readonly initBegin: number;
  readonly data: number;
  readonly end: number;
}

/** Linux: arch/arm64/include/asm/boot.h. */
const MIN_KIMG_ALIGN = 2 * 2 ** 20;
/** Bytes of modules area between PAGE_END and the kernel image (since 6.6). */
const MODULES_BYTES = 2 * 2 ** 30;
/** VMEMMAP_END (assumed: as since 6.9), the gap below VMEMMAP_START, and what a struct page takes. */
const VMEMMAP_END = -(2 ** 30);
const VMALLOC_GAP_BYTES = 8 * 2 ** 20;
const STRUCT_PAGE_BYTES = 64;

export function addressSpaceOf(board: Board): AddressSpace {
  const granule = GRANULES[board.granule];
  const pageOffset = -(2 ** board.vaBits);
  const pageEnd = -(2 ** (board.vaBits - 1));
  const { kernelImage: image } = board;
  return {
    granule,
    vaBits: board.vaBits,
    startLevel: startLevel(granule, board.vaBits),
    pageOffset,
    pageEnd,
    memstart: memstartAddr(board),
    kimageVaddr: pageEnd + MODULES_BYTES,
    vmallocStart: pageEnd + MODULES_BYTES,
    vmallocEnd: VMEMMAP_END - ((pageEnd - pageOffset) / granule.pageBytes) * STRUCT_PAGE_BYTES - VMALLOC_GAP_BYTES,
    text: image.pa,
    etext: image.pa + image.textBytes,
    initBegin: kernelAliasEnd(image),
    data: kernelAliasEnd(image) + image.initBytes,
    end: kernelImageEnd(image),
  };
}

/** Linux: __va(), __phys_to_virt(): the linear address of a physical one. */
export function physToVirt(space: AddressSpace, pa: number): number {
  return space.pageOffset + (pa - space.memstart);
}

/** Linux: __pa() of a linear address. */
export function virtToPhys(space: AddressSpace, va: number): number {
  return space.memstart + (va - space.pageOffset);
}

/** The image address of a physical one inside the kernel image: what symbols are linked at. */
export function imageVa(space: AddressSpace, pa: number): number {
  return space.kimageVaddr + (pa - imageBase(space));
}

/** Linux: __pa_symbol(): the physical address behind an image address. */
export function imagePa(space: AddressSpace, va: number): number {
  return imageBase(space) + (va - space.kimageVaddr);
}

/** `va` lies in the kernel image. */
export function isImage(space: AddressSpace, va: number): boolean {
  return va >= imageVa(space, space.text) && va < imageVa(space, space.end);
}

/** What KIMAGE_VADDR stands for: _text, which is loaded at a multiple of MIN_KIMG_ALIGN; _stext comes some pages later. */
function imageBase({ text }: AddressSpace): number {
  return alignDown(text, MIN_KIMG_ALIGN);
}
