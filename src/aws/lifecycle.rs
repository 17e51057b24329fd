//! The end of a launch, as an Auto Scaling group waits for it. In: group, hook and instance. Out:
//! nothing, or why the group was not told.

use super::service::{Question, Service, Unanswered};

/// Tells the hook of a group that it may go on with an instance (`CompleteLifecycleAction`).
///
/// # Errors
/// Nobody answers, or the service refuses.
pub async fn go_on(
    service: &Service,
    group: &str,
    hook: &str,
    instance: &str,
) -> Result<(), Unanswered> {
    let parameters = [
        ("Action", "CompleteLifecycleAction"),
        ("Version", "2011-01-01"),
        ("AutoScalingGroupName", group),
        ("LifecycleHookName", hook),
        ("InstanceId", instance),
        ("LifecycleActionResult", "CONTINUE"),
    ];
    let mut body = reqwest::Url::parse("form:").map_err(|_| Unanswered::Strange("is none"))?;
    body.query_pairs_mut().extend_pairs(parameters);
    let question = Question {
        body: body.query().map(str::to_owned),
        target: "/",
        fields: &[("content-type", "application/x-www-form-urlencoded")],
        most: 64 * 1024,
        ..Question::default()
    };
    service.ask(&question).await.map(drop)
}
