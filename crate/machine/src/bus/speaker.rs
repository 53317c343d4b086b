//! The board's loudspeaker: what it gets, and when, for a host that listens. Nothing of it is state of the machine.

use tinamou_core::{Ns, Sound};

use super::Bus;

/// Changes kept between two [`Bus::take_sounds`].
const KEPT: usize = 1 << 15;

/// What the loudspeaker gets.
#[derive(Default)]
pub(super) struct Speaker {
    now: Sound,
    /// What follows, if nothing else comes before.
    then: Option<(Ns, Sound)>,
    /// Changes that nobody has taken; none while nobody listens.
    changes: Option<Vec<(Ns, Sound)>>,
}

impl Speaker {
    /// Something else from now on, and then.
    pub(super) fn put(&mut self, at: Ns, sound: Sound, then: Option<(Ns, Sound)>) {
        self.follow(at);
        self.change(at, sound);
        self.then = then;
    }

    /// What was to follow by now did.
    fn follow(&mut self, now: Ns) {
        if let Some((at, sound)) = self.then.take_if(|(at, _)| *at <= now) {
            self.change(at, sound);
        }
    }

    fn change(&mut self, at: Ns, sound: Sound) {
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
        speaker.follow(self.now);
        if on && speaker.changes.is_none() {
            speaker.changes = Some(vec![(self.now, speaker.now)]);
        } else if !on {
            speaker.changes = None;
        }
    }

    /// What the loudspeaker got since the last call, and when. If that was too much, the last of it is right.
    pub fn take_sounds(&mut self) -> Vec<(Ns, Sound)> {
        self.speaker.follow(self.now);
        let changes = self.speaker.changes.as_mut();
        changes.map(std::mem::take).unwrap_or_default()
    }

    /// The machine is another one now: its devices say what is heard when they are written next.
    pub(super) fn forget_sound(&mut self) {
        self.speaker.put(self.now, Sound::Still, None);
    }
}
