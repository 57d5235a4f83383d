"""Rules that are there from the start, each with what to do when it fires."""

from typing import Final

from monitor.domain.rule import AlertRule, Operator, RuleKind, Severity

_GUIDE: Final = "docs/operations/monitoring.md"


def _rule(
    name: str,
    metric: str,
    value: float,
    en: str,
    ko: str,
    *,
    kind: RuleKind = RuleKind.THRESHOLD,
    operator: Operator = Operator.ABOVE,
    clear_value: float | None = None,
    for_seconds: float = 0.0,
    window_seconds: float = 300.0,
    severity: Severity = Severity.WARNING,
    depends_on: tuple[str, ...] = (),
) -> AlertRule:
    return AlertRule(
        id=name.replace(" ", "-"),
        name=name,
        metric=metric,
        kind=kind,
        operator=operator,
        value=value,
        clear_value=clear_value,
        for_seconds=for_seconds,
        window_seconds=window_seconds,
        severity=severity,
        depends_on=depends_on,
        advice={"en": f"{en} More: {_GUIDE}.", "ko": f"{ko} 자세한 내용: {_GUIDE}."},
        built_in=True,
    )


READY_MADE: Final = (
    _rule(
        "component down",
        "component_ready",
        0.5,
        "Look at what /api/v1/monitor/health says of this component and at the log; start it or free what it lacks.",
        "/api/v1/monitor/health에서 이 구성 요소의 상태와 로그를 확인하고, 다시 시작하거나 부족한 자원을 확보하십시오.",
        operator=Operator.BELOW,
        for_seconds=5,
        severity=Severity.CRITICAL,
    ),
    _rule(
        "oldest queued document",
        "jobs_oldest_waiting_seconds",
        600,
        "Work does not keep up: see which queue waits, whether its workers run, and what they are at.",
        "처리가 밀리고 있습니다. 대기 중인 큐와 작업자의 상태를 확인하십시오.",
        clear_value=300,
        for_seconds=60,
        depends_on=("component down",),
    ),
    _rule(
        "document stuck",
        "documents_stuck",
        0,
        "The stuck documents stand first among the journeys; see where each stopped, and reprocess it.",
        "멈춘 문서는 여정 목록의 맨 앞에 있습니다. 멈춘 단계를 확인하고 다시 처리하십시오.",
        for_seconds=60,
        depends_on=("component down",),
    ),
    _rule(
        "failure rate",
        "documents_failed_ratio",
        0.2,
        "More than a fifth of the documents of the last five minutes failed: their journeys give the reasons.",
        "최근 5분간 처리된 문서의 5분의 1 이상이 실패했습니다. 여정에서 실패 사유를 확인하십시오.",
        clear_value=0.1,
        for_seconds=60,
        depends_on=("component down",),
    ),
    _rule(
        "dead letters",
        "dead_letters",
        0,
        "Something could not be handled: `seoga dead-letters list` says what and why; mend the cause, then replay.",
        "처리하지 못한 항목이 있습니다. `seoga dead-letters list`로 원인을 확인하고 해결한 뒤 재실행하십시오.",
    ),
    _rule(
        "embedding slow",
        "model_batch_seconds_p95",
        5,
        "One inference takes long: the processor is busy elsewhere, or a slower engine is in use (see the model card).",
        "임베딩이 느립니다. CPU 사용량과 모델 카드의 엔진을 확인하십시오.",
        clear_value=3,
        for_seconds=120,
    ),
    _rule(
        "disk nearly full",
        "disk_free_ratio",
        0.1,
        "Free room on the data directory's disk or make it larger; uploads are refused when it is full.",
        "데이터 디렉터리의 디스크 공간을 확보하십시오. 가득 차면 업로드가 거부됩니다.",
        operator=Operator.BELOW,
        clear_value=0.12,
        for_seconds=60,
        severity=Severity.CRITICAL,
    ),
    _rule(
        "memory nearly full",
        "machine_memory_available_ratio",
        0.07,
        "The machine has hardly any memory left: see what uses it, or run fewer workers.",
        "시스템 메모리가 거의 없습니다. 사용 중인 프로세스를 확인하거나 작업자 수를 줄이십시오.",
        operator=Operator.BELOW,
        clear_value=0.1,
        for_seconds=60,
        severity=Severity.CRITICAL,
    ),
    _rule(
        "lag without progress",
        "event_lag_stalled_seconds",
        120,
        "Events wait and none is handled: look at the log of the module that the group names, then restart it.",
        "이벤트가 쌓이고 있으나 처리되지 않습니다. 해당 모듈의 로그를 확인하고 다시 시작하십시오.",
        clear_value=0,
        depends_on=("component down",),
    ),
    _rule(
        "retrieval quality dropped",
        "search_quality_change_ratio",
        -0.03,
        "The newest evaluation of this set is worse than the one before: compare the two (docs/evaluation.md).",
        "최근 검색 품질 평가가 이전보다 나빠졌습니다. 두 평가를 비교하십시오(docs/evaluation.md).",
        operator=Operator.BELOW,
        clear_value=0,
    ),
)
