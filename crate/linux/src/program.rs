//! Programs: the first process, and exec.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::errno::Res;
use crate::exec;
use crate::file::{Fds, File};
use crate::kernel::Kernel;
use crate::mem::Space;
use crate::task::{FsInfo, Group, Interval, Life, Queue, Run, Task};
use crate::vfs::Place;

impl Kernel {
    /// Makes the first process and loads its program.
    ///
    /// # Errors
    /// The error of loading.
    pub fn spawn(
        &mut self,
        path: &[u8],
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
        cwd: Rc<Place>,
        files: [Rc<File>; 3],
    ) -> Res<()> {
        let pid = self.new_pid();
        let fs = Rc::new(RefCell::new(FsInfo {
            root: self.tree.root.clone(),
            cwd,
            umask: self.config.umask,
        }));
        let mut fds = Fds {
            list: Vec::new(),
            limit: 1024,
        };
        let tty = files
            .iter()
            .find(|f| f.ops.tty().is_some())
            .map(|f| f.ops.clone());
        for (n, f) in files.into_iter().enumerate() {
            fds.set(n, f, false);
        }
        let files = Rc::new(RefCell::new(fds));
        let [uid, euid, gid, egid] = self.config.ids;
        let inf = u64::MAX;
        let mut rlimits = [(inf, inf); 16];
        rlimits[3] = (self.config.stack_bytes, inf);
        rlimits[4] = (0, inf);
        rlimits[6] = (self.config.max_tasks as u64, self.config.max_tasks as u64);
        rlimits[7] = (1024, 1 << 20);
        rlimits[8] = (8 << 20, 8 << 20);
        let space = Rc::new(RefCell::new(self.new_space()));
        let start_ns = self.now();
        let group = Rc::new(Group {
            pid,
            ppid: Cell::new(1),
            pgid: Cell::new(pid),
            sid: Cell::new(pid),
            threads: RefCell::new(vec![pid]),
            pending: RefCell::default(),
            life: Cell::new(Life::Alive),
            news: Cell::new(None),
            exiting: Cell::new(None),
            exit_signal: Cell::new(0),
            exe: RefCell::default(),
            comm: RefCell::default(),
            mm: RefCell::new(Some(space.clone())),
            files: RefCell::new(Some(files.clone())),
            fs: RefCell::new(fs.clone()),
            rlimits: RefCell::new(rlimits),
            itimers: [const { Cell::new(Interval { due: 0, every: 0 }) }; 3],
            timers: RefCell::default(),
            tty: RefCell::new(tty.clone()),
            cpu_ns: Cell::new(0),
            child_cpu_ns: Cell::new(0),
            ids: Cell::new([uid, euid, euid, gid, egid, egid]),
            execed: Cell::new(false),
            subreaper: Cell::new(false),
            death_signal: Cell::new(0),
            start_ns,
            dumpable: Cell::new(true),
            nice: Cell::new(0),
            persona: Cell::new(0),
            tracer: Cell::new(0),
            held: Cell::new(false),
        });
        if let Some(t) = tty.as_ref().and_then(|t| t.tty()) {
            t.foreground().set(pid);
            t.session().set(pid);
        }
        let actions = vec![crate::task::Action::default(); self.abi().signal_max() as usize + 1];
        let task = Task {
            tid: pid,
            group: group.clone(),
            mm: space,
            files,
            fs,
            actions: Rc::new(RefCell::new(actions)),
            regs: self.fresh.clone(),
            pc: 0,
            blocked: 0,
            saved_mask: None,
            pending: Queue::default(),
            altstack: (0, 2, 0),
            run: Run::Ready,
            wait: None,
            syscall: None,
            deadline: None,
            scratch: 0,
            clear_tid: 0,
            robust: 0,
            birth: None,
            vfork_parent: None,
            vfork_child: None,
            futex_woken: false,
            comm: Vec::new(),
            cpu_ns: 0,
            futex: None,
            futex_index: 0,
            trace: None,
        };
        self.procs.groups.borrow_mut().insert(pid, group);
        self.tasks.insert(pid, task);
        self.first = pid;
        self.switch(pid);
        match self.exec(path, argv, envp) {
            Ok(()) => {
                self.queue.push_back(pid);
                Ok(())
            }
            Err(e) => {
                // It may be tried again.
                self.unload(pid);
                self.next_pid = pid;
                self.tasks.clear();
                self.procs.groups.borrow_mut().clear();
                Err(e)
            }
        }
    }

    /// An empty address space.
    pub fn new_space(&self) -> Space {
        let abi = self.abi();
        Space::new(
            &self.frames,
            &self.cache,
            abi.task_size,
            abi.read_implies_exec,
        )
    }

    /// Loads another program into the running process. On success its registers are those of the new program.
    ///
    /// # Errors
    /// execve's.
    pub fn exec(&mut self, path: &[u8], argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> Res<()> {
        let fs = self.task().fs.clone();
        let (cwd, root) = (fs.borrow().cwd.clone(), fs.borrow().root.clone());
        let place = self.tree.find(&cwd, &root, path, true)?;
        self.exec_place(place, path, argv, envp)
    }

    /// As `exec`, with the file found already.
    ///
    /// # Errors
    /// execve's.
    pub fn exec_place(
        &mut self,
        place: Rc<Place>,
        path: &[u8],
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
    ) -> Res<()> {
        // Whatever call this is: the new program is of the first kind.
        self.arch.use_other(false);
        let group = self.group();
        let fs = self.task().fs.clone();
        let (cwd, root) = (fs.borrow().cwd.clone(), fs.borrow().root.clone());
        let mut space = self.new_space();
        let mut random = [0; 16];
        (self.random.borrow_mut())(&mut random);
        let ids = group.ids.get();
        let stack = group.rlimits.borrow()[3].0.min(1 << 30);
        space.limit = group.rlimits.borrow()[9].0;
        let req = exec::Request {
            place,
            path,
            argv,
            envp,
            ids: [ids[0], ids[1], ids[3], ids[4]],
            random,
            stack_bytes: stack,
        };
        let (program, exe) = {
            let tree = &self.tree;
            exec::load(&*self.arch, &mut space, req, &|p| {
                tree.find(&cwd, &root, p, true)
            })?
        };
        // From here on the old program is gone.
        let tid = self.cur;
        self.kill_other_threads(tid);
        let old_tid = tid;
        let tid = self.cur;
        let mm = Rc::new(RefCell::new(space));
        self.task().mm = mm.clone();
        *group.mm.borrow_mut() = Some(mm.clone());
        *self.shared.space.borrow_mut() = mm;
        self.vcpu.forget_pages(None);
        *group.exe.borrow_mut() = exe.path();
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
        let comm = name[..name.len().min(15)].to_vec();
        *group.comm.borrow_mut() = comm.clone();
        group.execed.set(true);
        group.timers.borrow_mut().clear();
        let task = self.task();
        task.comm = comm;
        task.altstack = (0, 2, 0);
        task.clear_tid = 0;
        task.robust = 0;
        let files = Rc::new(RefCell::new(task.files.borrow().clone()));
        for f in &mut files.borrow_mut().list {
            if f.as_ref().is_some_and(|f| f.cloexec) {
                *f = None;
            }
        }
        let old = core::mem::replace(&mut task.files, files.clone());
        drop(old);
        *group.files.borrow_mut() = Some(files);
        let task = self.task();
        let mut actions = task.actions.borrow().clone();
        for a in &mut actions {
            *a = crate::task::Action {
                handler: if a.handler == 1 { 1 } else { 0 },
                ..Default::default()
            };
        }
        task.actions = Rc::new(RefCell::new(actions));
        task.group.pending.borrow();
        let trampoline = program.trampoline;
        self.clear_registers();
        self.arch.start(self.vcpu.state(), program.pc, program.sp);
        self.set_trampoline(trampoline);
        self.release_vfork(tid);
        self.trace_exec(old_tid);
        Ok(())
    }

    fn set_trampoline(&mut self, at: u64) {
        // It lies with the memory: forks inherit it, programs bring their own.
        self.mm().borrow_mut().trampoline = at;
    }
}
