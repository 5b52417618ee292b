;; WASI preview 1 (`wasi_snapshot_preview1`): its 46 functions for a device that has a log, a clock and chance, and no
;; files. Errors are those of the specification; docs/wasi.md has the table.
;;
;; File descriptors: 0 is the standard input, which is at its end; 1 and 2 write to the log. `$fds` has four bits for each:
;; 0 closed, 1 input, 2 output, 3 error output. `$flags` has eight: what `fd_fdstat_set_flags` was given.

(global $fds (mut i32) (i32.const 0x321))
(global $flags (mut i32) (i32.const 0))

;; What a descriptor is, or 0.
(func $kind (param $fd i32) (result i32)
  (if (result i32) (i32.lt_u (local.get $fd) (i32.const 3))
    (then
      (i32.and (i32.const 15) (i32.shr_u (global.get $fds) (i32.shl (local.get $fd) (i32.const 2)))))
    (else (i32.const 0))))

;; An error for a descriptor that is open, `badf` for one that is not.
(func $if_open (param $fd i32) (param $errno i32) (result i32)
  (select (local.get $errno) (i32.const 8) (call $kind (local.get $fd))))

(func (export "wasi_snapshot_preview1.fd_write")
  (param $fd i32) (param $iovs i32) (param $n i32) (param $written i32) (result i32)
  (local $kind i32) (local $sum i32) (local $len i32)
  (local.set $kind (call $kind (local.get $fd)))
  (if (i32.lt_u (local.get $kind) (i32.const 2)) (then (return (i32.const 8))))
  (i32.store (local.get $written) (i32.const 0))
  (loop $each
    (if (local.get $n)
      (then
        (local.set $len (i32.load offset=4 (local.get $iovs)))
        (call $text (i32.sub (local.get $kind) (i32.const 1)) (i32.load (local.get $iovs)) (local.get $len))
        (local.set $sum (i32.add (local.get $sum) (local.get $len)))
        (local.set $iovs (i32.add (local.get $iovs) (i32.const 8)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $each))))
  (i32.store (local.get $written) (local.get $sum))
  (i32.const 0))

;; The standard input is at its end.
(func (export "wasi_snapshot_preview1.fd_read") (param $fd i32) (param i32 i32) (param $read i32) (result i32)
  (if (i32.ne (call $kind (local.get $fd)) (i32.const 1)) (then (return (i32.const 8))))
  (i32.store (local.get $read) (i32.const 0))
  (i32.const 0))

(func (export "wasi_snapshot_preview1.fd_close") (param $fd i32) (result i32)
  (if (i32.eqz (call $kind (local.get $fd))) (then (return (i32.const 8))))
  (call $flush)
  (call $set_kind (local.get $fd) (i32.const 0))
  (i32.const 0))

(func $set_kind (param $fd i32) (param $kind i32)
  (local $shift i32)
  (local.set $shift (i32.shl (local.get $fd) (i32.const 2)))
  (global.set $fds (i32.or (i32.shl (local.get $kind) (local.get $shift))
    (i32.and (global.get $fds) (i32.xor (i32.const -1) (i32.shl (i32.const 15) (local.get $shift)))))))

(func (export "wasi_snapshot_preview1.fd_renumber") (param $from i32) (param $to i32) (result i32)
  (local $kind i32)
  (local.set $kind (call $kind (local.get $from)))
  (if (i32.eqz (local.get $kind)) (then (return (i32.const 8))))
  (if (i32.eqz (call $kind (local.get $to))) (then (return (i32.const 8))))
  (if (i32.ne (local.get $from) (local.get $to))
    (then
      (call $set_kind (local.get $to) (local.get $kind))
      (call $set_kind (local.get $from) (i32.const 0))))
  (i32.const 0))

;; Sends what is held of a line.
(func $sync (param $fd i32) (result i32)
  (if (i32.eqz (call $kind (local.get $fd))) (then (return (i32.const 8))))
  (call $flush)
  (i32.const 0))
(export "wasi_snapshot_preview1.fd_sync" (func $sync))
(export "wasi_snapshot_preview1.fd_datasync" (func $sync))

;; A character device without the rights to seek and tell: C's library takes it for a terminal, and writes by line.
(func (export "wasi_snapshot_preview1.fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
  (local $kind i32)
  (local.set $kind (call $kind (local.get $fd)))
  (if (i32.eqz (local.get $kind)) (then (return (i32.const 8))))
  (i64.store align=1 (local.get $stat)
    (i64.or (i64.const 2)
      (i64.shl (i64.extend_i32_u (i32.and (i32.const 31)
          (i32.shr_u (global.get $flags) (i32.shl (local.get $fd) (i32.const 3)))))
        (i64.const 16))))
  ;; fd_fdstat_set_flags, fd_filestat_get, poll_fd_readwrite, and fd_read or fd_write.
  (i64.store offset=8 align=1 (local.get $stat)
    (select (i64.const 0x0820000a) (i64.const 0x08200048) (i32.eq (local.get $kind) (i32.const 1))))
  (i64.store offset=16 align=1 (local.get $stat) (i64.const 0))
  (i32.const 0))

(func (export "wasi_snapshot_preview1.fd_fdstat_set_flags") (param $fd i32) (param $flags i32) (result i32)
  (local $shift i32)
  (if (i32.eqz (call $kind (local.get $fd))) (then (return (i32.const 8))))
  (if (i32.gt_u (local.get $flags) (i32.const 31)) (then (return (i32.const 28))))
  (local.set $shift (i32.shl (local.get $fd) (i32.const 3)))
  (global.set $flags (i32.or (i32.shl (local.get $flags) (local.get $shift))
    (i32.and (global.get $flags) (i32.xor (i32.const -1) (i32.shl (i32.const 255) (local.get $shift))))))
  (i32.const 0))

(func (export "wasi_snapshot_preview1.fd_filestat_get") (param $fd i32) (param $stat i32) (result i32)
  (if (i32.eqz (call $kind (local.get $fd))) (then (return (i32.const 8))))
  (i64.store align=1 (local.get $stat) (i64.const 0))
  (i64.store offset=8 align=1 (local.get $stat) (i64.extend_i32_u (local.get $fd)))
  (i64.store offset=16 align=1 (local.get $stat) (i64.const 2))
  (i64.store offset=24 align=1 (local.get $stat) (i64.const 1))
  (i64.store offset=32 align=1 (local.get $stat) (i64.const 0))
  (i64.store offset=40 align=1 (local.get $stat) (i64.const 0))
  (i64.store offset=48 align=1 (local.get $stat) (i64.const 0))
  (i64.store offset=56 align=1 (local.get $stat) (i64.const 0))
  (i32.const 0))

;; What the descriptors have no rights for, 76 `notcapable`, or what makes no sense for them: 70 `spipe`, 54 `notdir`,
;; 57 `notsock`, 58 `notsup`.
(func (export "wasi_snapshot_preview1.fd_fdstat_set_rights") (param $fd i32) (param i64 i64) (result i32)
  (call $if_open (local.get $fd) (i32.const 58)))
(func (export "wasi_snapshot_preview1.fd_advise") (param $fd i32) (param i64 i64 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 70)))
(func (export "wasi_snapshot_preview1.fd_allocate") (param $fd i32) (param i64 i64) (result i32)
  (call $if_open (local.get $fd) (i32.const 76)))
(func (export "wasi_snapshot_preview1.fd_filestat_set_size") (param $fd i32) (param i64) (result i32)
  (call $if_open (local.get $fd) (i32.const 76)))
(func (export "wasi_snapshot_preview1.fd_filestat_set_times") (param $fd i32) (param i64 i64 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 76)))
(func (export "wasi_snapshot_preview1.fd_pread") (param $fd i32) (param i32 i32 i64 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 70)))
(func (export "wasi_snapshot_preview1.fd_pwrite") (param $fd i32) (param i32 i32 i64 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 70)))
(func (export "wasi_snapshot_preview1.fd_seek") (param $fd i32) (param i64 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 70)))
(func (export "wasi_snapshot_preview1.fd_tell") (param $fd i32) (param i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 70)))
(func (export "wasi_snapshot_preview1.fd_readdir") (param $fd i32) (param i32 i32 i64 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
;; Nothing is opened beforehand.
(func (export "wasi_snapshot_preview1.fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
(func (export "wasi_snapshot_preview1.fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))

(func (export "wasi_snapshot_preview1.path_create_directory") (param $fd i32) (param i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_filestat_get") (param $fd i32) (param i32 i32 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_filestat_set_times")
  (param $fd i32) (param i32 i32 i32 i64 i64 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_link") (param $fd i32) (param i32 i32 i32 i32 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_open")
  (param $fd i32) (param i32 i32 i32 i32 i64 i64 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_readlink") (param $fd i32) (param i32 i32 i32 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_remove_directory") (param $fd i32) (param i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_rename") (param $fd i32) (param i32 i32 i32 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_symlink") (param i32 i32) (param $fd i32) (param i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))
(func (export "wasi_snapshot_preview1.path_unlink_file") (param $fd i32) (param i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 54)))

(func (export "wasi_snapshot_preview1.sock_accept") (param $fd i32) (param i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 57)))
(func (export "wasi_snapshot_preview1.sock_recv") (param $fd i32) (param i32 i32 i32 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 57)))
(func (export "wasi_snapshot_preview1.sock_send") (param $fd i32) (param i32 i32 i32 i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 57)))
(func (export "wasi_snapshot_preview1.sock_shutdown") (param $fd i32) (param i32) (result i32)
  (call $if_open (local.get $fd) (i32.const 57)))

;; The device's clock, in nanoseconds. The four clocks of WASI are this one. It is never zero, which Go takes for a
;; clock that does not run.
(func $now (result i64) (i64.add (i64.mul (call $now_us) (i64.const 1000)) (i64.const 1)))

(func (export "wasi_snapshot_preview1.clock_res_get") (param $clock i32) (param $at i32) (result i32)
  (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (i32.const 28))))
  (i64.store align=1 (local.get $at) (i64.const 1000))
  (i32.const 0))

(func (export "wasi_snapshot_preview1.clock_time_get")
  (param $clock i32) (param $precision i64) (param $at i32) (result i32)
  (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (i32.const 28))))
  (i64.store align=1 (local.get $at) (call $now))
  (i32.const 0))

;; Nanoseconds until a subscription to a clock is due.
(func $left (param $sub i32) (result i64)
  (local $timeout i64) (local $now i64)
  (local.set $timeout (i64.load offset=24 align=1 (local.get $sub)))
  (if (i32.eqz (i32.and (i32.load16_u offset=40 align=1 (local.get $sub)) (i32.const 1)))
    (then (return (local.get $timeout))))
  (local.set $now (call $now))
  (select (i64.sub (local.get $timeout) (local.get $now)) (i64.const 0)
    (i64.gt_u (local.get $timeout) (local.get $now))))

;; Waits for the first of some clocks. A descriptor is ready at once, so with one of them there is no wait.
(func (export "wasi_snapshot_preview1.poll_oneoff")
  (param $in i32) (param $out i32) (param $n i32) (param $stored i32) (result i32)
  (local $sub i32) (local $left i32) (local $wait i64) (local $one i64) (local $us i64) (local $events i32)
  (local $tag i32) (local $errno i32) (local $flags i32) (local $user i64)
  (if (i32.eqz (local.get $n)) (then (return (i32.const 28))))
  (i32.store (local.get $stored) (i32.const 0))
  (local.set $wait (i64.const -1))
  (local.set $sub (local.get $in))
  (local.set $left (local.get $n))
  (loop $each
    (local.set $one (i64.const 0))
    (if (i32.eqz (i32.or (i32.load8_u offset=8 (local.get $sub))
          (i32.gt_u (i32.load offset=16 align=1 (local.get $sub)) (i32.const 3))))
      (then (local.set $one (call $left (local.get $sub)))))
    (if (i64.lt_u (local.get $one) (local.get $wait)) (then (local.set $wait (local.get $one))))
    (local.set $sub (i32.add (local.get $sub) (i32.const 48)))
    (br_if $each (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  ;; Up to the next microsecond. A wait that has no end is longer than any that a device allows.
  (local.set $us (i64.add (i64.div_u (local.get $wait) (i64.const 1000))
    (i64.extend_i32_u (i64.ne (i64.rem_u (local.get $wait) (i64.const 1000)) (i64.const 0)))))
  (if (i64.gt_u (local.get $us) (i64.const 0xffffffff)) (then (local.set $us (i64.const 0xffffffff))))
  (if (i64.ne (local.get $us) (i64.const 0)) (then (call $delay_us (i32.wrap_i64 (local.get $us)))))
  (local.set $sub (local.get $in))
  (loop $each
    (block $not_due
      (local.set $tag (i32.load8_u offset=8 (local.get $sub)))
      (local.set $errno (i32.const 0))
      (local.set $flags (i32.const 0))
      (block $due
        (if (i32.eqz (local.get $tag))
          (then
            (if (i32.gt_u (i32.load offset=16 align=1 (local.get $sub)) (i32.const 3))
              (then (local.set $errno (i32.const 28)) (br $due)))
            (local.set $one (call $left (local.get $sub)))
            ;; The time of an absolute one has come; a relative one is as long as the wait.
            (br_if $due (i64.eqz (local.get $one)))
            (br_if $due (i64.le_u (i64.load offset=24 align=1 (local.get $sub)) (local.get $wait)))
            (br $not_due)))
        (local.set $errno (i32.const 8))
        (local.set $flags (call $kind (i32.load offset=16 align=1 (local.get $sub))))
        (if (i32.eq (local.get $tag) (i32.const 1))
          (then
            ;; The input has hung up.
            (local.set $flags (i32.eq (local.get $flags) (i32.const 1)))
            (if (local.get $flags) (then (local.set $errno (i32.const 0))))
            (br $due)))
        (if (i32.ge_u (local.get $flags) (i32.const 2)) (then (local.set $errno (i32.const 0))))
        (local.set $flags (i32.const 0))
        (if (i32.gt_u (local.get $tag) (i32.const 2)) (then (local.set $errno (i32.const 28)))))
      (local.set $user (i64.load align=1 (local.get $sub)))
      (i64.store align=1 (local.get $out) (local.get $user))
      (i64.store offset=8 align=1 (local.get $out)
        (i64.extend_i32_u (i32.or (local.get $errno) (i32.shl (local.get $tag) (i32.const 16)))))
      (i64.store offset=16 align=1 (local.get $out) (i64.const 0))
      (i64.store offset=24 align=1 (local.get $out) (i64.extend_i32_u (local.get $flags)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (local.set $events (i32.add (local.get $events) (i32.const 1))))
    (local.set $sub (i32.add (local.get $sub) (i32.const 48)))
    (br_if $each (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (i32.store (local.get $stored) (local.get $events))
  (i32.const 0))

(func (export "wasi_snapshot_preview1.sched_yield") (result i32) (i32.const 0))
;; A panel has no signals.
(func (export "wasi_snapshot_preview1.proc_raise") (param i32) (result i32) (i32.const 58))

;; The end of the program: the compiler puts a trap behind the call, and in front of the trap a return for where
;; `$ended` has noted that the program ends well.
(func (export "wasi_snapshot_preview1.proc_exit") (param $code i32)
  (if (local.get $code)
    (then
      (call $begin (i32.const 2))
      (call $ascii (i64.const 0x2074697865)) ;; `exit `
      (call $number (i64.extend_i32_u (local.get $code))))
    (else (call $ended)))
  (call $flush))
