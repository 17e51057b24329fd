//! How much longer than its own policy would take it a used signature is remembered. In: the
//! policies. Out: a time for each. Schemes whose signatures hold no path are signed for every
//! route, and another policy may take the same signature for longer.

use std::time::Duration;

use crate::config::{Policy, SignatureDemand};

/// In seconds, how long signatures of a kind are good: HMACs with a time, those without one, and
/// tokens of STS.
type Windows = [Option<u32>; 3];

/// The longest windows of all policies that take a signature once.
pub(super) struct Longest(Windows);

impl Longest {
    pub(super) fn of<'p>(policies: impl Iterator<Item = &'p Policy>) -> Self {
        let demands = policies.filter_map(|policy| policy.demand.signature());
        let once = demands.filter(|demand| demand.refuse_replays);
        Self(once.map(windows).fold([None; 3], |all, one| {
            std::array::from_fn(|kind| all[kind].max(one[kind]))
        }))
    }

    /// How much longer than by `demand` its signatures may be good.
    pub(super) fn beyond(&self, demand: &SignatureDemand) -> Duration {
        let both = self.0.into_iter().zip(windows(demand));
        let more = both.filter_map(|(longest, own)| Some(longest?.saturating_sub(own?)));
        Duration::from_secs(more.max().unwrap_or(0).into())
    }
}

fn windows(demand: &SignatureDemand) -> Windows {
    let hmac = demand.hmac.as_ref();
    let timed = hmac.and_then(|hmac| Some(hmac.timestamp.as_ref()?.tolerance_secs));
    let untimed = hmac.filter(|hmac| hmac.timestamp.is_none());
    [
        timed,
        untimed.map(|hmac| hmac.replay_window_secs),
        demand.sts.as_ref().map(|sts| sts.max_age_secs),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Demand, HmacPreset, Proof};
    use crate::names::PolicyName;

    fn policy(preset: HmacPreset, secs: u32, refuse_replays: bool) -> Policy {
        let mut hmac = preset.demand(Vec::new());
        match &mut hmac.timestamp {
            Some(timestamp) => timestamp.tolerance_secs = secs,
            None => hmac.replay_window_secs = secs,
        }
        let signature = SignatureDemand {
            hmac: Some(hmac),
            refuse_replays,
            ..SignatureDemand::default()
        };
        Policy {
            name: PolicyName::new("hooks"),
            demand: Demand::AllOf(Proof {
                certificate: false,
                certificate_rule: None,
                authorizer: None,
                signature: Some(signature),
            }),
            consumers: None,
            line: 1,
        }
    }

    #[test]
    fn a_signature_may_be_good_as_long_as_the_policy_that_takes_its_kind_for_longest() {
        let policies = [
            policy(HmacPreset::Stripe, 60, true),
            policy(HmacPreset::Slack, 300, true),
            policy(HmacPreset::Slack, 900, false),
            policy(HmacPreset::GitHub, 86_400, true),
        ];
        let longest = Longest::of(policies.iter());
        let beyond = |policy: &Policy| longest.beyond(policy.demand.signature().unwrap());
        assert_eq!(beyond(&policies[0]), Duration::from_secs(240));
        assert_eq!(beyond(&policies[1]), Duration::ZERO);
        assert_eq!(beyond(&policies[3]), Duration::ZERO);
    }
}
