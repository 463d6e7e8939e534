/** `mmap` and `fallocate` of the C library, and the moment when a mapping is not needed any more. */
import { markAsUntransferable } from "node:worker_threads";
import { finalizer } from "../finalizers.ts";
import { libcFunction, loadKoffi } from "./libc.ts";

const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
/** Linux only. */
const MAP_POPULATE = 0x8000;
const PUNCH_HOLE_KEEP_SIZE = 2 | 1;

const mmap = libcFunction(
  "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
);
const munmap = libcFunction("int munmap(void *address, size_t length)");
const unmapAddress = libcFunction("int munmap(uintptr_t address, size_t length)");
const memcpy = libcFunction("void *memcpy(uintptr_t to, const void *from, size_t length)");
const memcpyBetween = libcFunction("void *memcpy(uintptr_t to, uintptr_t from, size_t length)");
/** Returns where `to` lies. */
const addressByCopy = libcFunction("uintptr_t memcpy(void *to, const void *from, size_t length)");
/** Linux only. */
const fallocate = libcFunction("int fallocate(int fd, int mode, int64_t offset, int64_t length)");

interface Mapping {
  readonly address: unknown;
  readonly length: number;
  readonly onRelease: (() => void) | undefined;
}

const mappings = finalizer(({ address, length, onRelease }: Mapping) => {
  munmap(address, length);
  onRelease?.();
});

/**
 * Map a part of a file, copy on write.
 *
 * The buffer cannot be transferred to another thread: that would end the mapping while the thread still reads it.
 *
 * @param offset - multiple of the page size
 * @param onRelease - called after the buffer was collected and unmapped
 */
export function mapFile(fd: number, offset: number, length: number, onRelease?: () => void): ArrayBuffer {
  const address = mapped(fd, offset, length, MAP_PRIVATE);
  const memory = loadKoffi().view(address, length);
  keepFromMoving(memory);
  mappings.register(memory, { address, length, onRelease });
  return memory;
}

/**
 * Map a file from its start so that all processes see each other's writes, for the life of this process. Pages that the
 * file does not have yet must not be touched.
 */
export function mapShared(fd: number, length: number): ArrayBuffer {
  const memory = loadKoffi().view(mapped(fd, 0, length, MAP_SHARED), length);
  keepFromMoving(memory);
  return memory;
}

/** Where memory begins in this process. No ArrayBuffer: V8 would count it as memory of its own, and collect it. */
export type Address = number;

/** Map a part of a file with the pages it has, for writes that all processes see. Lasts until `unmap`. */
export function mapForWriting(fd: number, offset: number, length: number): Address {
  const address = mapped(fd, offset, length, MAP_SHARED | MAP_POPULATE);
  return Number(loadKoffi().address(address));
}

export function unmap(address: Address, length: number): void {
  unmapAddress(address, length);
}

/** Copy bytes to memory that `mapForWriting` gave. */
export function copyTo(address: Address, bytes: Uint8Array): void {
  memcpy(address, bytes, bytes.byteLength);
}

/** Where a buffer lies, as long as it is not collected. */
export function addressOf(bytes: Uint8Array): Address {
  return Number(addressByCopy(bytes, bytes, 0));
}

/** The caller keeps both alive. */
export function copyAddress(to: Address, from: Address, length: number): void {
  memcpyBetween(to, from, length);
}

/** Load what copies need, before there is one. */
export function prepareCopies(): void {
  const bytes = new Uint8Array(64);
  const address = addressOf(bytes);
  copyAddress(address, address + 32, 32);
}

/** Give a part of a file its pages, if it lacks any. Returns whether it has them all; never where the system has no way. */
export function reserve(fd: number, offset: number, length: number): boolean {
  return process.platform === "linux" && fallocate(fd, 0, offset, length) === 0;
}

function mapped(fd: number, offset: number, length: number, flags: number): unknown {
  const address: unknown = mmap(null, length, PROT_READ_WRITE, flags, fd, offset);
  if (loadKoffi().address(address) === 0xffff_ffff_ffff_ffffn) {
    throw new Error(`cannot map ${length} bytes of the object store: too many mappings or out of address space`);
  }
  return address;
}

/**
 * A moved ArrayBuffer leaves an empty one behind, whose collection would unmap memory that is in use. So this one cannot
 * be posted to a thread, and `transfer()`, where there is one, copies it.
 */
function keepFromMoving(memory: ArrayBuffer): void {
  markAsUntransferable(memory);
  for (const method of ["transfer", "transferToFixedLength"]) {
    if (!(method in memory)) continue;
    Object.defineProperty(memory, method, {
      value: (length = memory.byteLength): ArrayBuffer => {
        const copy = new Uint8Array(length);
        copy.set(new Uint8Array(memory, 0, Math.min(length, memory.byteLength)));
        return copy.buffer;
      },
    });
  }
}

/** Give the pages of a part of a file back; it reads as zeros then. Where the file system cannot, they stay. */
export function punchHole(fd: number, offset: number, length: number): void {
  if (process.platform === "linux") fallocate(fd, PUNCH_HOLE_KEEP_SIZE, offset, length);
}
