//! System calls. [`TABLE`] declares each once: its name (by which the ABIs' number tables find it), its arguments with their kinds (which strace
//! prints and which say how wide they are), and thereby the function that does it. The functions lie in the files by subject.

mod attr;
mod dir;
pub mod fd;
pub mod futex;
mod ids;
mod inotify;
mod io;
pub mod ipc;
pub mod lock;
pub mod mm;
pub mod mqueue;
mod names;
pub mod net;
mod old;
mod open;
pub mod path;
mod pidfd;
pub mod poll;
pub mod process;
mod ptrace;
mod sched;
mod show;
pub mod signals;
mod stat;
pub mod time;
pub mod tty;
pub mod uname;
mod wait;

use std::collections::HashMap;

use crate::abi::Abi;
use crate::errno::{EFAULT, Res};
use crate::kernel::{Kernel, Sys};

/// Kind of an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "as they are called")]
pub enum Kind {
    Fd,
    Int,
    Uint,
    Long,
    Size,
    Ptr,
    Path,
    Off,
    Flags,
    Sig,
    Pid,
    Mode,
}

/// Rust types of the kinds.
#[allow(missing_docs, reason = "see Kind")]
mod types {
    pub type Fd = i32;
    pub type Int = i32;
    pub type Uint = u32;
    pub type Long = i64;
    pub type Size = u64;
    pub type Ptr = u64;
    pub type Path = u64;
    pub type Off = i64;
    pub type Flags = u32;
    pub type Sig = u32;
    pub type Pid = i32;
    pub type Mode = u32;
}

/// A system call.
pub struct Desc {
    /// Name.
    pub name: &'static str,
    /// Arguments.
    pub args: &'static [Kind],
    /// Does it.
    pub run: fn(&mut Kernel, &mut Args) -> Sys,
}

/// The arguments of a call, read one after the other.
#[derive(Clone)]
pub struct Args {
    next: usize,
    shift: usize,
}

impl Args {
    /// At the first; `shift` registers are left out.
    pub fn new(_k: &Kernel, shift: usize) -> Args {
        Args { next: 0, shift }
    }

    fn raw(&mut self, k: &mut Kernel) -> Res<u64> {
        let n = self.next + self.shift;
        self.next += 1;
        match k.arch.arg(k.vcpu.state(), n) {
            Ok(v) => Ok(v),
            Err(at) => k.get_u32(at).map(u64::from).map_err(|_| EFAULT),
        }
    }

    /// The next argument.
    ///
    /// # Errors
    /// EFAULT for an argument on an unreadable stack.
    pub fn take(&mut self, k: &mut Kernel, kind: Kind) -> Res<u64> {
        let (long, pairs, aligned, big) = {
            let a = k.abi();
            (a.long, a.pairs, a.pairs_aligned, a.big_endian)
        };
        if kind == Kind::Off && pairs {
            if aligned && !(self.next + self.shift).is_multiple_of(2) {
                self.next += 1;
            }
            let (a, b) = (self.raw(k)? as u32 as u64, self.raw(k)? as u32 as u64);
            return Ok(if big { a << 32 | b } else { b << 32 | a });
        }
        let v = self.raw(k)?;
        Ok(match kind {
            Kind::Off => v,
            Kind::Long if long == 4 => v as i32 as i64 as u64,
            Kind::Long => v,
            Kind::Size | Kind::Ptr | Kind::Path if long == 4 => v as u32 as u64,
            Kind::Size | Kind::Ptr | Kind::Path => v,
            _ => v as i32 as i64 as u64,
        })
    }
}

macro_rules! syscalls {
    ($($module:ident: { $($name:ident ( $($arg:ident $kind:ident),* );)* })*) => {
        /// All system calls there are.
        pub static TABLE: &[Desc] = &[$($(Desc {
            name: stringify!($name),
            args: &[$(Kind::$kind),*],
            run: |_k, _a| {
                $(let $arg = _a.take(_k, Kind::$kind)? as types::$kind;)*
                $module::$name(_k $(, $arg)*)
            },
        },)*)*];
    };
}

syscalls! {
    fd: {
        close(fd Fd);
        close_range(first Uint, last Uint, flags Flags);
        dup(fd Fd);
        dup2(fd Fd, to Fd);
        dup3(fd Fd, to Fd, flags Flags);
        fcntl(fd Fd, cmd Uint, arg Long);
        fcntl64(fd Fd, cmd Uint, arg Long);
        pipe(fds Ptr);
        pipe2(fds Ptr, flags Flags);
        flock(fd Fd, how Flags);
        eventfd(count Uint);
        eventfd2(count Uint, flags Flags);
        memfd_create(name Path, flags Flags);
    }
    io: {
        read(fd Fd, buf Ptr, count Size);
        write(fd Fd, buf Ptr, count Size);
        readv(fd Fd, iov Ptr, count Uint);
        writev(fd Fd, iov Ptr, count Uint);
        pread64(fd Fd, buf Ptr, count Size, at Off);
        pwrite64(fd Fd, buf Ptr, count Size, at Off);
        preadv(fd Fd, iov Ptr, count Uint, low Long, high Long);
        pwritev(fd Fd, iov Ptr, count Uint, low Long, high Long);
        preadv2(fd Fd, iov Ptr, count Uint, low Long, high Long, flags Flags);
        pwritev2(fd Fd, iov Ptr, count Uint, low Long, high Long, flags Flags);
        lseek(fd Fd, to Long, whence Uint);
        _llseek(fd Fd, high Long, low Long, result Ptr, whence Uint);
        ftruncate(fd Fd, size Long);
        ftruncate64(fd Fd, size Off);
        fsync(fd Fd);
        fdatasync(fd Fd);
        sync();
        syncfs(fd Fd);
        sendfile(out Fd, input Fd, at Ptr, count Size);
        sendfile64(out Fd, input Fd, at Ptr, count Size);
        copy_file_range(input Fd, at Ptr, out Fd, to Ptr, count Size, flags Flags);
        splice(input Fd, at Ptr, out Fd, to Ptr, count Size, flags Flags);
        fadvise64(fd Fd, at Off, bytes Off, advice Int);
        readahead(fd Fd, at Off, bytes Size);
        fallocate(fd Fd, how Flags, at Off, bytes Off);
        sync_file_range(fd Fd, at Off, bytes Off, flags Flags);
    }
    dir: {
        getdents(fd Fd, buf Ptr, bytes Size);
        getdents64(fd Fd, buf Ptr, bytes Size);
    }
    path: {
        chdir(path Path);
        fchdir(fd Fd);
        chroot(path Path);
        getcwd(buf Ptr, bytes Size);
        umask(mode Mode);
    }
    open: {
        open(path Path, flags Flags, mode Mode);
        openat(dir Fd, path Path, flags Flags, mode Mode);
        openat2(dir Fd, path Path, how Ptr, size Size);
        creat(path Path, mode Mode);
    }
    stat: {
        stat(path Path, to Ptr);
        lstat(path Path, to Ptr);
        fstat(fd Fd, to Ptr);
        stat64(path Path, to Ptr);
        lstat64(path Path, to Ptr);
        fstat64(fd Fd, to Ptr);
        fstatat64(dir Fd, path Path, to Ptr, flags Flags);
        newfstatat(dir Fd, path Path, to Ptr, flags Flags);
        statx(dir Fd, path Path, flags Flags, mask Flags, to Ptr);
        access(path Path, want Mode);
        faccessat(dir Fd, path Path, want Mode);
        faccessat2(dir Fd, path Path, want Mode, flags Flags);
        readlink(path Path, to Ptr, bytes Size);
        readlinkat(dir Fd, path Path, to Ptr, bytes Size);
        statfs(path Path, to Ptr);
        fstatfs(fd Fd, to Ptr);
        statfs64(path Path, size Size, to Ptr);
        fstatfs64(fd Fd, size Size, to Ptr);
    }
    inotify: {
        inotify_init();
        inotify_init1(flags Flags);
        inotify_add_watch(fd Fd, path Path, mask Flags);
        inotify_rm_watch(fd Fd, wd Int);
    }
    names: {
        mkdir(path Path, mode Mode);
        mkdirat(dir Fd, path Path, mode Mode);
        rmdir(path Path);
        unlink(path Path);
        unlinkat(dir Fd, path Path, flags Flags);
        rename(from Path, to Path);
        renameat(from_dir Fd, from Path, to_dir Fd, to Path);
        renameat2(from_dir Fd, from Path, to_dir Fd, to Path, flags Flags);
        link(from Path, to Path);
        linkat(from_dir Fd, from Path, to_dir Fd, to Path, flags Flags);
        symlink(target Path, path Path);
        symlinkat(target Path, dir Fd, path Path);
        mknod(path Path, mode Mode, dev Uint);
        mknodat(dir Fd, path Path, mode Mode, dev Uint);
    }
    attr: {
        chmod(path Path, mode Mode);
        fchmod(fd Fd, mode Mode);
        fchmodat(dir Fd, path Path, mode Mode);
        chown(path Path, uid Int, gid Int);
        lchown(path Path, uid Int, gid Int);
        fchown(fd Fd, uid Int, gid Int);
        fchownat(dir Fd, path Path, uid Int, gid Int, flags Flags);
        truncate(path Path, size Long);
        truncate64(path Path, size Off);
        utime(path Path, times Ptr);
        utimes(path Path, times Ptr);
        futimesat(dir Fd, path Path, times Ptr);
        utimensat(dir Fd, path Path, times Ptr, flags Flags);
        utimensat_time64(dir Fd, path Path, times Ptr, flags Flags);
        getxattr(path Path, name Path, to Ptr, size Size);
        lgetxattr(path Path, name Path, to Ptr, size Size);
        fgetxattr(fd Fd, name Path, to Ptr, size Size);
        setxattr(path Path, name Path, value Ptr, size Size, flags Flags);
        lsetxattr(path Path, name Path, value Ptr, size Size, flags Flags);
        fsetxattr(fd Fd, name Path, value Ptr, size Size, flags Flags);
        listxattr(path Path, list Ptr, size Size);
        llistxattr(path Path, list Ptr, size Size);
        flistxattr(fd Fd, list Ptr, size Size);
    }
    mm: {
        brk(to Ptr);
        mmap(at Ptr, bytes Size, prot Flags, flags Flags, fd Fd, offset Size);
        mmap2(at Ptr, bytes Size, prot Flags, flags Flags, fd Fd, pages Size);
        munmap(at Ptr, bytes Size);
        mprotect(at Ptr, bytes Size, prot Flags);
        mremap(at Ptr, old Size, new Size, flags Flags, to Ptr);
        madvise(at Ptr, bytes Size, advice Int);
        msync(at Ptr, bytes Size, flags Flags);
        mlock(at Ptr, bytes Size);
        mlock2(at Ptr, bytes Size, flags Flags);
        munlock(at Ptr, bytes Size);
        mlockall(flags Flags);
        munlockall();
        mincore(at Ptr, bytes Size, vec Ptr);
        membarrier(cmd Int, flags Flags, cpu Int);
        cacheflush(at Ptr, bytes Size, which Int);
        process_vm_readv(pid Pid, local Ptr, local_count Size, remote Ptr, remote_count Size, flags Flags);
    }
    process: {
        exit(code Int);
        exit_group(code Int);
        fork();
        vfork();
        clone(flags Size, sp Ptr, ptid Ptr, fourth Ptr, fifth Ptr);
        clone3(args Ptr, size Size);
        execve(path Path, argv Ptr, envp Ptr);
        execveat(dir Fd, path Path, argv Ptr, envp Ptr, flags Flags);
        getpid();
        gettid();
        getppid();
        getpgrp();
        getpgid(pid Pid);
        setpgid(pid Pid, pgid Pid);
        getsid(pid Pid);
        setsid();
        set_tid_address(at Ptr);
        set_robust_list(head Ptr, size Size);
        get_robust_list(pid Pid, head Ptr, size Ptr);
        prctl(option Int, a Size, b Size, c Size, d Size);
        personality(persona Uint);
        set_thread_area(at Ptr);
        seccomp(op Uint, flags Flags, args Ptr);
        unshare(flags Flags);
        sysmips(cmd Long, a Long, b Long);
        acct(path Path);
        vhangup();
    }
    wait: {
        wait4(pid Pid, status Ptr, options Flags, usage Ptr);
        waitpid(pid Pid, status Ptr, options Flags);
        waitid(which Uint, id Pid, info Ptr, options Flags, usage Ptr);
        getrusage(who Int, to Ptr);
    }
    ids: {
        getuid();
        geteuid();
        getgid();
        getegid();
        setuid(id Uint);
        setgid(id Uint);
        setreuid(r Int, e Int);
        setregid(r Int, e Int);
        setresuid(r Int, e Int, s Int);
        setresgid(r Int, e Int, s Int);
        getresuid(r Ptr, e Ptr, s Ptr);
        getresgid(r Ptr, e Ptr, s Ptr);
        setfsuid(id Uint);
        setfsgid(id Uint);
        getgroups(count Int, list Ptr);
        setgroups(count Int, list Ptr);
        capget(head Ptr, data Ptr);
        capset(head Ptr, data Ptr);
    }
    sched: {
        getrlimit(which Uint, to Ptr);
        setrlimit(which Uint, from Ptr);
        prlimit64(pid Pid, which Uint, new Ptr, old Ptr);
        getpriority(which Int, who Int);
        setpriority(which Int, who Int, value Int);
        nice(inc Int);
        sched_yield();
        sched_getaffinity(pid Pid, size Size, mask Ptr);
        sched_setaffinity(pid Pid, size Size, mask Ptr);
        sched_getparam(pid Pid, to Ptr);
        sched_setparam(pid Pid, from Ptr);
        sched_getscheduler(pid Pid);
        sched_setscheduler(pid Pid, policy Int, from Ptr);
        sched_get_priority_max(policy Int);
        sched_get_priority_min(policy Int);
        sched_rr_get_interval(pid Pid, to Ptr);
        getcpu(cpu Ptr, node Ptr, cache Ptr);
        ioprio_get(which Int, who Int);
        ioprio_set(which Int, who Int, value Int);
    }
    signals: {
        rt_sigaction(sig Sig, new Ptr, old Ptr, size Size);
        sigaction(sig Sig, new Ptr, old Ptr);
        rt_sigprocmask(how Uint, new Ptr, old Ptr, size Size);
        sigprocmask(how Uint, new Ptr, old Ptr);
        rt_sigpending(to Ptr, size Size);
        sigpending(to Ptr);
        rt_sigsuspend(mask Ptr, size Size);
        sigsuspend(mask Ptr);
        rt_sigtimedwait(set Ptr, info Ptr, timeout Ptr, size Size);
        rt_sigtimedwait_time64(set Ptr, info Ptr, timeout Ptr, size Size);
        rt_sigqueueinfo(pid Pid, sig Sig, info Ptr);
        rt_tgsigqueueinfo(pid Pid, tid Pid, sig Sig, info Ptr);
        rt_sigreturn();
        sigreturn();
        sigaltstack(new Ptr, old Ptr);
        kill(pid Pid, sig Sig);
        tkill(tid Pid, sig Sig);
        tgkill(pid Pid, tid Pid, sig Sig);
        pause();
        signalfd(fd Fd, mask Ptr, size Size);
        signalfd4(fd Fd, mask Ptr, size Size, flags Flags);
        restart_syscall();
    }
    old: {
        socketcall(call Uint, args Ptr);
        old_mmap(args Ptr);
        old_select(args Ptr);
        sigsuspend3(a Int, b Int, mask Ptr);
        signal(sig Sig, handler Ptr);
        sgetmask();
        ssetmask(mask Uint);
        fadvise64_32(fd Fd, at Off, bytes Size, advice Int);
        chown16(path Path, uid Uint, gid Uint);
        lchown16(path Path, uid Uint, gid Uint);
        fchown16(fd Fd, uid Uint, gid Uint);
        setreuid16(r Uint, e Uint);
        setregid16(r Uint, e Uint);
        setresuid16(r Uint, e Uint, s Uint);
        setresgid16(r Uint, e Uint, s Uint);
        getresuid16(r Ptr, e Ptr, s Ptr);
        getresgid16(r Ptr, e Ptr, s Ptr);
        getgroups16(count Int, list Ptr);
        setgroups16(count Int, list Ptr);
        get_thread_area(at Ptr);
        arch_prctl(op Uint, at Ptr);
        modify_ldt(func Int, at Ptr, bytes Size);
        iopl(level Uint);
        ioperm(from Size, count Size, on Int);
        umount(path Path);
    }
    time: {
        time(to Ptr);
        stime(from Ptr);
        gettimeofday(tv Ptr, tz Ptr);
        settimeofday(tv Ptr, tz Ptr);
        clock_gettime(clock Int, to Ptr);
        clock_gettime64(clock Int, to Ptr);
        clock_settime(clock Int, from Ptr);
        clock_settime64(clock Int, from Ptr);
        clock_getres(clock Int, to Ptr);
        clock_getres_time64(clock Int, to Ptr);
        nanosleep(want Ptr, left Ptr);
        clock_nanosleep(clock Int, flags Flags, want Ptr, left Ptr);
        clock_nanosleep_time64(clock Int, flags Flags, want Ptr, left Ptr);
        alarm(seconds Uint);
        getitimer(which Uint, to Ptr);
        setitimer(which Uint, new Ptr, old Ptr);
        timer_create(clock Int, event Ptr, id Ptr);
        timer_settime(id Int, flags Flags, new Ptr, old Ptr);
        timer_settime64(id Int, flags Flags, new Ptr, old Ptr);
        timer_gettime(id Int, to Ptr);
        timer_gettime64(id Int, to Ptr);
        timer_getoverrun(id Int);
        timer_delete(id Int);
        timerfd_create(clock Int, flags Flags);
        timerfd_settime(fd Fd, flags Flags, new Ptr, old Ptr);
        timerfd_settime64(fd Fd, flags Flags, new Ptr, old Ptr);
        timerfd_gettime(fd Fd, to Ptr);
        timerfd_gettime64(fd Fd, to Ptr);
        times(to Ptr);
        adjtimex(buf Ptr);
    }
    poll: {
        poll(fds Ptr, count Uint, timeout Int);
        ppoll(fds Ptr, count Uint, timeout Ptr, mask Ptr, size Size);
        ppoll_time64(fds Ptr, count Uint, timeout Ptr, mask Ptr, size Size);
        select(count Int, r Ptr, w Ptr, e Ptr, timeout Ptr);
        _newselect(count Int, r Ptr, w Ptr, e Ptr, timeout Ptr);
        pselect6(count Int, r Ptr, w Ptr, e Ptr, timeout Ptr, mask Ptr);
        pselect6_time64(count Int, r Ptr, w Ptr, e Ptr, timeout Ptr, mask Ptr);
        epoll_create(size Int);
        epoll_create1(flags Flags);
        epoll_ctl(ep Fd, op Uint, fd Fd, event Ptr);
        epoll_wait(ep Fd, events Ptr, max Int, timeout Int);
        epoll_pwait(ep Fd, events Ptr, max Int, timeout Int, mask Ptr, size Size);
        epoll_pwait2(ep Fd, events Ptr, max Int, timeout Ptr, mask Ptr, size Size);
    }
    ipc: {
        ipc(call Uint, first Int, second Long, third Long, ptr Ptr, fifth Long);
        shmget(key Int, bytes Size, flags Flags);
        shmat(id Int, at Ptr, flags Flags);
        shmdt(at Ptr);
        shmctl(id Int, cmd Uint, at Ptr);
        semget(key Int, count Int, flags Flags);
        semop(id Int, ops Ptr, count Size);
        semtimedop(id Int, ops Ptr, count Size, timeout Ptr);
        semtimedop_time64(id Int, ops Ptr, count Size, timeout Ptr);
        semctl(id Int, n Uint, cmd Uint, arg Ptr);
        msgget(key Int, flags Flags);
        msgsnd(id Int, at Ptr, bytes Size, flags Flags);
        msgrcv(id Int, at Ptr, bytes Size, kind Long, flags Flags);
        msgctl(id Int, cmd Uint, at Ptr);
    }
    mqueue: {
        mq_open(name Path, flags Flags, mode Mode, attr Ptr);
        mq_unlink(name Path);
        mq_timedsend(queue Fd, at Ptr, bytes Size, priority Uint, timeout Ptr);
        mq_timedsend_time64(queue Fd, at Ptr, bytes Size, priority Uint, timeout Ptr);
        mq_timedreceive(queue Fd, at Ptr, bytes Size, priority Ptr, timeout Ptr);
        mq_timedreceive_time64(queue Fd, at Ptr, bytes Size, priority Ptr, timeout Ptr);
        mq_notify(queue Fd, event Ptr);
        mq_getsetattr(queue Fd, new Ptr, old Ptr);
    }
    ptrace: {
        ptrace(request Long, tid Pid, addr Ptr, data Ptr);
    }
    pidfd: {
        pidfd_open(pid Pid, flags Flags);
        pidfd_send_signal(pidfd Fd, sig Sig, info Ptr, flags Flags);
        pidfd_getfd(pidfd Fd, fd Fd, flags Flags);
    }
    net: {
        socket(domain Uint, kind Uint, protocol Uint);
        socketpair(domain Uint, kind Uint, protocol Uint, fds Ptr);
        bind(fd Fd, at Ptr, len Uint);
        connect(fd Fd, at Ptr, len Uint);
        listen(fd Fd, backlog Uint);
        accept(fd Fd, at Ptr, len Ptr);
        accept4(fd Fd, at Ptr, len Ptr, flags Flags);
        getsockname(fd Fd, at Ptr, len Ptr);
        getpeername(fd Fd, at Ptr, len Ptr);
        shutdown(fd Fd, how Uint);
        send(fd Fd, buf Ptr, count Size, flags Flags);
        sendto(fd Fd, buf Ptr, count Size, flags Flags, at Ptr, len Uint);
        recv(fd Fd, buf Ptr, count Size, flags Flags);
        recvfrom(fd Fd, buf Ptr, count Size, flags Flags, at Ptr, len Ptr);
        sendmsg(fd Fd, at Ptr, flags Flags);
        recvmsg(fd Fd, at Ptr, flags Flags);
        sendmmsg(fd Fd, at Ptr, count Uint, flags Flags);
        recvmmsg(fd Fd, at Ptr, count Uint, flags Flags, timeout Ptr);
        recvmmsg_time64(fd Fd, at Ptr, count Uint, flags Flags, timeout Ptr);
        setsockopt(fd Fd, level Uint, name Uint, value Ptr, len Uint);
        getsockopt(fd Fd, level Uint, name Uint, value Ptr, len Ptr);
    }
    futex: {
        futex(at Ptr, op Uint, value Uint, timeout Ptr, at2 Ptr, value3 Uint);
        futex_time64(at Ptr, op Uint, value Uint, timeout Ptr, at2 Ptr, value3 Uint);
    }
    tty: {
        ioctl(fd Fd, request Uint, arg Ptr);
    }
    uname: {
        uname(to Ptr);
        sethostname(name Ptr, size Size);
        setdomainname(name Ptr, size Size);
        sysinfo(to Ptr);
        getrandom(buf Ptr, count Size, flags Flags);
        syslog(kind Int, buf Ptr, size Int);
        syscall();
        rseq(at Ptr, size Uint, flags Flags, sig Uint);
        mount(dev Path, dir Path, kind Path, flags Size, data Ptr);
        umount2(dir Path, flags Flags);
        reboot(a Uint, b Uint, c Uint, arg Ptr);
    }
}

/// The system calls of an ABI by number.
#[derive(Default)]
pub struct Table {
    base: u32,
    list: Vec<Option<&'static Desc>>,
    names: Vec<&'static str>,
}

impl Table {
    /// From the ABI's numbers and the declarations above.
    pub fn new(abi: &Abi) -> Table {
        let by_name: HashMap<&str, &'static Desc> = TABLE.iter().map(|d| (d.name, d)).collect();
        let mut t = Table {
            base: abi.syscall_base,
            ..Table::default()
        };
        for line in abi.syscalls.lines() {
            let Some((n, name)) = line.split_once(' ') else {
                continue;
            };
            let Ok(n) = n.parse::<usize>() else { continue };
            if t.list.len() <= n {
                t.list.resize(n + 1, None);
                t.names.resize(n + 1, "");
            }
            t.list[n] = by_name.get(name).copied();
            t.names[n] = name;
        }
        t
    }

    /// The call of a number.
    pub fn get(&self, number: u32) -> Option<&'static Desc> {
        let i = number.checked_sub(self.base)?;
        self.list.get(i as usize).copied().flatten()
    }

    /// Its name, done or not; `?` if there is none.
    pub fn name(&self, number: u32) -> &'static str {
        let i = number.wrapping_sub(self.base) as usize;
        let name = self.names.get(i).copied();
        name.filter(|n| !n.is_empty()).unwrap_or("?")
    }
}
