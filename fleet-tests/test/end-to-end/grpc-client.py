"""A client in another language, with nothing of ours but the contract: exchanges an API key, then asks for an agent."""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

identity_address, agent_address, api_key, agent_id = sys.argv[1:]

pool = descriptor_pool.DescriptorPool()
with open("contract.binpb", "rb") as image:
    files = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(image.read()).file}


def add(name):
    file = files.pop(name, None)
    if file is None:
        return
    for dependency in file.dependency:
        add(dependency)
    pool.AddSerializedFile(file.SerializeToString())


for name in list(files):
    add(name)


def call(address, service, method, request, token=None):
    described = pool.FindServiceByName(service).FindMethodByName(method)
    asked = message_factory.GetMessageClass(described.input_type)
    answered = message_factory.GetMessageClass(described.output_type)
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(
            f"/{service}/{method}", request_serializer=asked.SerializeToString, response_deserializer=answered.FromString
        )
        metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        return ask(json_format.ParseDict(request, asked()), timeout=60, metadata=metadata)


exchanged = call(identity_address, "flotilla.identity.v1.TokenService", "ExchangeToken", {"apiKey": api_key})
agent = call(agent_address, "flotilla.agent.v1.AgentService", "GetAgent", {"id": agent_id}, exchanged.token)
try:
    call(agent_address, "flotilla.agent.v1.AgentService", "GetAgent", {"id": agent_id})
    without = "OK"
except grpc.RpcError as refusal:
    without = refusal.code().name
print(json.dumps({"slug": agent.slug, "withoutToken": without}))
