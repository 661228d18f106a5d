"""Opens a team's own ground: what its programs, calls, configuration centres and checks work with."""

from __future__ import annotations

from drill.adapters.checks_by_engine import EngineQuestions
from drill.adapters.commands_local import LocalCommands
from drill.adapters.config_apollo import ApolloKeeper
from drill.adapters.config_file import FileKeeper
from drill.adapters.config_keepers import KeptConfigs
from drill.adapters.config_nacos import NacosKeeper
from drill.adapters.http_calls import PlainHttp
from drill.adapters.kafka_ends import KafkaEnds
from drill.adapters.secret_values import SecretValues
from drill.model.ports import OwnGround, Secrets
from drill.settings import Settings, without_secrets


def open_own(settings: Settings, secrets: Secrets) -> OwnGround:
    """The real one; nothing is asked yet. No secret that goes out comes back in an output."""
    values = SecretValues(secrets, without_secrets)
    http = PlainHttp(values)
    configs = KeptConfigs({"file": FileKeeper(), "nacos": NacosKeeper(http, values), "apollo": ApolloKeeper(http)})
    return OwnGround(LocalCommands(values, settings.mark()), http, configs, EngineQuestions(values), KafkaEnds(values))
