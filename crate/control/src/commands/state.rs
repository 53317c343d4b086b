//! The machine's state, to and from elsewhere.

use crate::qmp::migration;
use crate::schema::Type::{Bool, Enum, List, Object, Str};
use crate::schema::{Command, cmd, opt, req};
use crate::types::*;

/// The commands.
pub static COMMANDS: &[Command] = &[
    // Its state, to and from elsewhere.
    cmd("migrate", migration::migrate)
        .args(&[
            req("uri", Str),
            opt("blk", Bool),
            opt("inc", Bool),
            opt("detach", Bool),
            opt("resume", Bool),
        ])
        .since("0.14")
        .doc("Saves the machine, with what its disks hold beside images that are only read, to `file:PATH` or, natively, to `tcp:HOST:PORT`, `unix:PATH`, the descriptor `fd:NAME` of `getfd`, or the input of `exec:COMMAND`. Once the place is there the machine stops (finish-migrate), and its state goes out while monitors are answered; then it is postmigrate. If the place is lost, or at `migrate_cancel`, it runs on. STOP comes if it ran, and MIGRATION if the capability `events` is set. With `background-snapshot` it runs on as soon as its state is taken.")
        .errors("The place is of no such kind; one is under way; the machine waits for its own state or was saved already. What goes wrong later `query-migrate` tells."),
    cmd("migrate-incoming", migration::incoming)
        .args(&[req("uri", Str)])
        .since("2.3")
        .doc("Loads the machine's state from such a place: sockets are listened on (`query-migrate` has their address), `fd:` takes a number too. It runs on if it ran when it was saved, unless `-S` was given. A state that is refused leaves the machine waiting, for another command, where QEMU ends; a place of the command line ends the program.")
        .errors("The machine does not wait (`-incoming`), or for somebody already; the place is of no such kind."),
    cmd("migrate_cancel", migration::cancel)
        .since("0.14")
        .doc("Cancels what `migrate` began: the machine does what it did before. Nothing happens if nothing is under way."),
    cmd("migrate-continue", migration::go_on)
        .args(&[req("state", Enum(&MIGRATION_STATUS))])
        .since("2.11")
        .doc("Goes on where the capability `pause-before-switchover` stopped it.")
        .errors("It is not in that state."),
    cmd("migrate-set-parameters", migration::set_parameters)
        .takes(MIGRATE_SET_PARAMETERS)
        .since("2.4")
        .doc("Sets parameters. `max-bandwidth` (bytes per second, 0 for all there are) is honoured, even by what is under way; the others are kept and have no effect.")
        .errors("One is out of bounds; none is set then."),
    cmd("query-migrate-parameters", migration::parameters)
        .returns(Object(&MIGRATION_PARAMETERS))
        .since("2.4")
        .doc("The parameters."),
    cmd("getfd", migration::getfd)
        .args(&[req("fdname", Str)])
        .since("0.14")
        .doc("Names the descriptor that came with this command (SCM_RIGHTS on a unix socket), for `fd:NAME`.")
        .errors("None came; the name begins with a digit."),
    cmd("closefd", migration::closefd)
        .args(&[req("fdname", Str)])
        .since("0.14")
        .doc("Closes it.")
        .errors("There is none."),
    cmd("query-migrate", migration::query)
        .returns(Object(&MIGRATION_INFO))
        .since("0.14")
        .doc("How far the migration is that is under way, or how the last one went; nothing if there was none."),
    cmd("query-migrate-capabilities", migration::capabilities)
        .returns(List(&Object(&MIGRATION_CAPABILITY_STATUS)))
        .since("1.2")
        .doc("The capabilities."),
    cmd("migrate-set-capabilities", migration::set_capabilities)
        .args(&[req("capabilities", List(&Object(&MIGRATION_CAPABILITY_STATUS)))])
        .since("1.2")
        .doc("Sets capabilities. `events`, `pause-before-switchover` and `background-snapshot` have an effect; those that only make QEMU faster (xbzrle, multifd and so on) are kept.")
        .errors("One would change what a migration is: post-copy, COLO, block; a migration is under way."),
    cmd("x-snapshot-save", migration::save)
        .args(&[req("file", Str), opt("images", Bool)])
        .doc("Saves the machine to a file, as `migrate` does, before the answer; then it goes on, if it ran. Without `images`, pages that are as the kernel, initial RAM disk and firmware made them are left out: the file is loaded only beside the same ones.")
        .errors("The file cannot be written; a drive cannot be saved; the machine waits for its own state."),
    cmd("x-snapshot-load", migration::load)
        .args(&[req("file", Str)])
        .doc("The machine becomes the one of a file that `migrate` or `x-snapshot-save` wrote, before the answer. It runs then if it runs now.")
        .errors("The file cannot be read, is damaged, or is of another machine; the machine is then as it was."),
    cmd("snapshot-save", migration::job_save)
        .args(&[req("job-id", Str), req("tag", Str), req("vmstate", Str), req("devices", List(&Str))])
        .since("6.0")
        .doc("Makes a snapshot of these drives inside their images, with the machine's state in the one of `vmstate`, as a job that is done in one go after the answer. A machine that runs stands still meanwhile.")
        .errors("The job's name is none or taken; what else is wrong the job says."),
    cmd("snapshot-load", migration::job_load)
        .args(&[req("job-id", Str), req("tag", Str), req("vmstate", Str), req("devices", List(&Str))])
        .since("6.0")
        .doc("Goes back to such a snapshot.")
        .errors("As `snapshot-save`."),
    cmd("snapshot-delete", migration::job_delete)
        .args(&[req("job-id", Str), req("tag", Str), req("devices", List(&Str))])
        .since("6.0")
        .doc("Removes such a snapshot.")
        .errors("As `snapshot-save`."),
    cmd("query-jobs", migration::jobs)
        .returns(List(&Object(&JOB_INFO)))
        .since("3.0")
        .doc("The jobs that were not dismissed, the latest first."),
    cmd("job-dismiss", migration::job_dismiss)
        .args(&[req("id", Str)])
        .since("3.0")
        .doc("Forgets a job that is over.")
        .errors("There is no such job."),
    cmd("job-cancel", migration::job_cancel)
        .args(&[req("id", Str)])
        .since("3.0")
        .doc("Ends a job; as each is done in one go, there never is one to end.")
        .errors("There is no such job, or it is over."),
];
