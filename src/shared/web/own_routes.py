"""The routes of no module: the installation, its settings, sessions of browsers, keys and the audit log."""

from fastapi import APIRouter

from shared.ports.audit import AuditLog
from shared.runtime.belonging import Belonging
from shared.settings import Settings
from shared.web.access import Access
from shared.web.installation import build_installation_router
from shared.web.key_management import KeyManagement
from shared.web.key_routes import build_key_router
from shared.web.routes import Routes
from shared.web.session_routes import build_session_router
from shared.web.settings_routes import build_settings_router


def build_own_router(
    belonging: Belonging,
    settings: Settings,
    access: Access,
    management: KeyManagement | None,
    audit: AuditLog | None,
) -> APIRouter:
    """Full paths. Where nothing is kept, no keys are made."""
    router = Routes()
    router.take(
        build_installation_router(belonging, access),
        build_session_router(access, max_upload_bytes=settings.max_upload_bytes),
        build_settings_router(settings, access),
    )
    if management is not None and audit is not None:
        router.take(build_key_router(management, audit, access))
    return router
