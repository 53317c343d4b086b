//! The board's loudspeaker: what it gets, and when, for a host that listens. Nothing of it is state of the machine.

use tinamou_core::{Ns, Sound};

use super::Bus;

/// Changes kept between two [`Bus::take_sounds`].
const KEPT: usize = 4096;

/// What the loudspeaker gets.
#[derive(Default)]
pub(super) struct Speaker {
    now: Sound,
    /// Changes that nobody has taken; none while nobody listens.
    changes: Option<Vec<(Ns, Sound)>>,
}

impl Speaker {
    /// Something else from now on.
    pub(super) fn put(&mut self, at: Ns, sound: Sound) {
        if std::mem::replace(&mut self.now, sound) == sound {
            return;
        }
        let Some(changes) = &mut self.changes else {
            return;
        };
        if changes.len() == KEPT {
            changes.pop();
        }
        changes.push((at, sound));
    }
}

impl Bus {
    /// Whether the host listens to the loudspeaker from now on. What is heard at this moment is the first that it takes.
    pub fn listen(&mut self, on: bool) {
        let speaker = &mut self.speaker;
        if on && speaker.changes.is_none() {
            speaker.changes = Some(vec![(self.now, speaker.now)]);
        } else if !on {
            speaker.changes = None;
        }
    }

    /// What the loudspeaker got since the last call, and when. If that was too much, the last of it is right.
    pub fn take_sounds(&mut self) -> Vec<(Ns, Sound)> {
        let changes = self.speaker.changes.as_mut();
        changes.map(std::mem::take).unwrap_or_default()
    }

    /// The machine is another one now: its devices say what is heard when they are written next.
    pub(super) fn forget_sound(&mut self) {
        self.speaker.put(self.now, Sound::Still);
    }
}
