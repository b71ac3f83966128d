// The allocation that fails, from the test's side (shim.c).
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BIN } from '../../integration/lib/world.mjs'

const COUNT = 0, FAIL_AT = 8, FAILED = 16, LIBRARIES = 24, TIMES = 32, ARMING = 40, STACKS = 48 // struct shared
const SHARED_BYTES = STACKS + 8 * 32768

// A library that says at the end what was not freed; a program under ASan has it already. Where the compiler has none its name is no path.
function leakChecker(cc) {
  const path = execFileSync(cc, ['-print-file-name=liblsan.so'], { encoding: 'utf8' }).trim()
  return /address|asan/.test(BIN) || !path.startsWith('/') ? [] : [path]
}

export class Shim {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'nomem-'))
    this.library = join(this.dir, 'shim.so')
    this.stacks = join(this.dir, 'stack')
    const file = join(this.dir, 'shared')
    const cc = process.env.CC ?? 'cc'
    execFileSync(cc, ['-shared', '-fPIC', '-D_GNU_SOURCE', '-Wall', '-Werror', '-O1', '-g', '-fno-omit-frame-pointer', '-o', this.library, fileURLToPath(new URL('../shim.c', import.meta.url)), '-ldl'], { stdio: 'inherit' })
    writeFileSync(file, Buffer.alloc(SHARED_BYTES))
    this.fd = openSync(file, 'r+')
    // The first backtrace() loads a library for good.
    const known = join(this.dir, 'known_leaks')
    writeFileSync(known, 'leak:dl_open_worker\n')
    this.env = { LD_PRELOAD: [this.library, ...leakChecker(cc)].join(':'), NOMEM_FILE: file, NOMEM_STACKS: this.stacks, ASAN_OPTIONS: 'verify_asan_link_order=0',
      LSAN_OPTIONS: `suppressions=${known}:print_suppressions=0` }
  }

  read(at) {
    const b = Buffer.alloc(8)
    readSync(this.fd, b, 0, 8, at)
    return Number(b.readBigUInt64LE())
  }

  write(at, value) {
    const b = Buffer.alloc(8)
    b.writeBigUInt64LE(BigInt(value))
    writeSync(this.fd, b, 0, 8, at)
  }

  get count() { return this.read(COUNT) }
  get failed() { return this.read(FAILED) > 0 }

  // Only what libraries ask for.
  only(libraries) { this.write(LIBRARIES, libraries ? 1 : 0) }

  // What fails is the first allocation whose stack has not failed yet, so often for each stack; 0: the nth.
  byStack(times) {
    this.write(TIMES, times)
    writeSync(this.fd, Buffer.alloc(SHARED_BYTES - STACKS), 0, SHARED_BYTES - STACKS, STACKS)
  }

  // The nth allocation from now on gets nothing.
  arm(n) {
    writeFileSync(this.stacks, '')
    this.write(FAILED, 0)
    this.write(ARMING, this.read(ARMING) + 1)
    this.write(FAIL_AT, this.count + n)
  }

  // The same for a process that begins now.
  armNew(n) {
    this.write(COUNT, 0)
    this.arm(n)
  }

  disarm() { this.write(FAIL_AT, 0) }

  // Where it was, the innermost frame of interest first.
  stack() { return readFileSync(this.stacks, 'utf8').split('\n').filter((l) => l && !l.startsWith(this.library)).map((l) => l.replace(/^.*\//, '').replace(/ ?\[0x.*/, '')) }

  close() {
    closeSync(this.fd)
    rmSync(this.dir, { recursive: true, force: true })
  }
}
