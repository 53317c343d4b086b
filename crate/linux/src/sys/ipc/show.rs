//! The texts of /proc/sysvipc, in the columns of linux/ipc/{msg,sem,shm}.c. Times of attaching, sending and receiving are not kept and are 0.

use std::fmt::Write as _;

use super::Ipc;

const MSG: &str = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n";
const SEM: &str =
    "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
const SHM: &str = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n";
/// The mode of a segment that goes with its last user.
const DEST: u32 = 0o1000;

impl Ipc {
    /// Message queues, semaphores, shared memory.
    pub fn texts(&self) -> [String; 3] {
        let [mut msg, mut sem, mut shm] = [MSG, SEM, SHM].map(str::to_owned);
        for o in &self.msg {
            let (b, u, g) = (&o.body, o.uid, o.gid);
            let _ = writeln!(
                msg,
                "{:10} {:10}  {:4o}  {:10} {:10} {:5} {:5} {u:5} {g:5} {u:5} {g:5} {:10} {:10} {:10}",
                o.key,
                o.id,
                o.mode,
                b.bytes,
                b.list.len(),
                b.lspid,
                b.lrpid,
                0,
                0,
                o.ctime
            );
        }
        for o in &self.sem {
            let (b, u, g) = (&o.body, o.uid, o.gid);
            let _ = writeln!(
                sem,
                "{:10} {:10}  {:4o} {:10} {u:5} {g:5} {u:5} {g:5} {:10} {:10}",
                o.key,
                o.id,
                o.mode,
                b.values.len(),
                b.otime,
                o.ctime
            );
        }
        for o in &self.shm {
            let (b, u, g) = (&o.body, o.uid, o.gid);
            let mode = o.mode | if b.doomed { DEST } else { 0 };
            let _ = writeln!(
                shm,
                "{:10} {:10}  {mode:4o} {:21} {:5} {:5}  {:5} {u:5} {g:5} {u:5} {g:5} {:10} {:10} {:10} {:21} {:21}",
                o.key, o.id, b.bytes, b.cpid, b.lpid, b.attached, 0, 0, o.ctime, b.bytes, 0
            );
        }
        [msg, sem, shm]
    }
}
