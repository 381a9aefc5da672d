/** Linux error numbers, returned negated. */
export const ENOMEM = 12;
export const EINVAL = 22;
export const EBUSY = 16;
