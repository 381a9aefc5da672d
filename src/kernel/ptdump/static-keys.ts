/** The kernel's static keys. Each is a word that counts how many want its branch taken. */
export const STATIC_KEYS = ['arm64_ptdump_lock_key'] as const; // arch/arm64/mm/mmu.c, since 6.18
export type StaticKey = (typeof STATIC_KEYS)[number];
