"""The in-memory push provider and media storage pass the tests of the real ones."""

from __future__ import annotations

import pytest

from app.push.provider import Address, Outgoing
from tests.twins.memory_provider import MemoryProvider
from tests.twins.memory_storage import MemoryStorage
from tests.twins.provider_contract import NOTICE, Case, ProviderContract
from tests.twins.storage_contract import StorageContract


class TestStorage(StorageContract):
    @pytest.fixture
    def storage(self) -> MemoryStorage:
        return MemoryStorage()


class TestProvider(ProviderContract):
    @pytest.fixture
    def case(self) -> Case:
        provider = MemoryProvider()
        outgoing = Outgoing(Address(1, 2, "android", "fcm", "token-1"), NOTICE, 3600)
        return provider, outgoing, lambda: [payload for _, payload in provider.received]
