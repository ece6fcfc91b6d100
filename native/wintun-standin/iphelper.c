// A few IP Helper functions of Windows (netioapi.h) for the shared object: what is set on an interface is written down, as text that a test
// compares. The layouts of their rows are declared here once more, and the Windows build checks them against the real header.
#include "platform.h"

#ifdef _WIN32

// netioapi.h comes with these, in this order.
#include <ws2ipdef.h>
#include <iphlpapi.h>
#include <stddef.h>

#define SAME(row, field, place) _Static_assert(offsetof(row, field) == (place), #row "." #field)
_Static_assert(sizeof(SOCKADDR_INET) == 28, "SOCKADDR_INET");
_Static_assert(sizeof(MIB_UNICASTIPADDRESS_ROW) == 80, "MIB_UNICASTIPADDRESS_ROW");
SAME(MIB_UNICASTIPADDRESS_ROW, InterfaceLuid, 32);
SAME(MIB_UNICASTIPADDRESS_ROW, OnLinkPrefixLength, 60);
SAME(MIB_UNICASTIPADDRESS_ROW, DadState, 64);
_Static_assert(sizeof(MIB_IPFORWARD_ROW2) == 104, "MIB_IPFORWARD_ROW2");
SAME(MIB_IPFORWARD_ROW2, InterfaceLuid, 0);
SAME(MIB_IPFORWARD_ROW2, DestinationPrefix, 12);
SAME(MIB_IPFORWARD_ROW2, DestinationPrefix.PrefixLength, 40);
SAME(MIB_IPFORWARD_ROW2, NextHop, 44);
SAME(MIB_IPFORWARD_ROW2, Metric, 84);
_Static_assert(sizeof(MIB_IPINTERFACE_ROW) == 168, "MIB_IPINTERFACE_ROW");
SAME(MIB_IPINTERFACE_ROW, InterfaceLuid, 8);
SAME(MIB_IPINTERFACE_ROW, ForwardingEnabled, 41);
SAME(MIB_IPINTERFACE_ROW, UseAutomaticMetric, 44);
SAME(MIB_IPINTERFACE_ROW, RouterDiscoveryBehavior, 52);
SAME(MIB_IPINTERFACE_ROW, DadTransmits, 56);
SAME(MIB_IPINTERFACE_ROW, SitePrefixLength, 144);
SAME(MIB_IPINTERFACE_ROW, Metric, 148);
SAME(MIB_IPINTERFACE_ROW, NlMtu, 152);

#else

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { V4 = 2, V6 = 23, MOST_INTERFACES = 64, TEXT = 1024, ERROR_OF_OBJECT_EXISTS = 5010 };

typedef struct {
    uint16_t family;
    uint16_t port;
    uint8_t v4[4];
    uint8_t v6[20];
} inet_row;

typedef struct {
    inet_row address;
    uint32_t pad;
    uint64_t luid;
    uint8_t skip[20];
    uint8_t length;
    uint8_t skip2[3];
    int32_t dad;
    uint8_t skip3[12];
} address_row;

typedef struct {
    uint64_t luid;
    uint32_t index;
    inet_row destination;
    uint8_t length;
    uint8_t pad[3];
    inet_row next_hop;
    uint8_t skip[12];
    uint32_t metric;
    uint8_t skip2[16];
} route_row;

typedef struct {
    uint16_t family;
    uint16_t pad[3];
    uint64_t luid;
    uint8_t skip[25];
    uint8_t forwarding;
    uint8_t skip2[2];
    uint8_t automatic_metric;
    uint8_t skip3[7];
    int32_t router_discovery;
    uint32_t dad_transmits;
    uint8_t skip4[84];
    uint32_t site_prefix_length;
    uint32_t metric;
    uint32_t mtu;
    uint8_t skip5[12];
} interface_row;

_Static_assert(sizeof(inet_row) == 28 && sizeof(address_row) == 80 && sizeof(route_row) == 104 && sizeof(interface_row) == 168, "rows");

// Per interface: its settings for each family, and what was done to it, line by line. Made when it is first asked for.
typedef struct {
    uint64_t luid;
    interface_row families[2];
    char text[TEXT];
} interface;

static lock_t gate = LOCK_INIT;
static interface interfaces[MOST_INTERFACES];
static int count;

static interface *at(uint64_t luid) {
    for (int i = 0; i < count; i++) {
        if (interfaces[i].luid == luid) return &interfaces[i];
    }
    if (count == MOST_INTERFACES) return NULL;
    interface *made = &interfaces[count++];
    made->luid = luid;
    for (int i = 0; i < 2; i++) {
        made->families[i].luid = luid;
        made->families[i].family = i == 0 ? V4 : V6;
        made->families[i].automatic_metric = 1;
        made->families[i].router_discovery = 2;
        made->families[i].dad_transmits = 3;
        made->families[i].site_prefix_length = 64;
        made->families[i].mtu = 65535;
    }
    return made;
}

static void note(interface *on, const char *format, ...) {
    size_t used = strlen(on->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(on->text + used, TEXT - used, format, arguments);
    va_end(arguments);
}

static const char *text_of(const inet_row *address, char *buffer) {
    bool four = address->family == V4;
    return inet_ntop(four ? AF_INET : AF_INET6, four ? (const void *)address->v4 : address->v6, buffer, INET6_ADDRSTRLEN);
}

// An address or a route: what is there already is an error.
static uint32_t add_once(uint64_t luid, const char *line) {
    lock_enter(&gate);
    interface *on = at(luid);
    bool there = strstr(on->text, line) != NULL;
    if (!there) note(on, "%s", line);
    lock_leave(&gate);
    return there ? ERROR_OF_OBJECT_EXISTS : 0;
}

EXPORT void InitializeUnicastIpAddressEntry(address_row *row) {
    memset(row, 0, sizeof *row);
    row->length = 255;
}

EXPORT uint32_t CreateUnicastIpAddressEntry(const address_row *row) {
    char address[INET6_ADDRSTRLEN], line[100];
    snprintf(line, sizeof line, "address %s/%d dad %d\n", text_of(&row->address, address), row->length, row->dad);
    return add_once(row->luid, line);
}

EXPORT void InitializeIpForwardEntry(route_row *row) {
    memset(row, 0, sizeof *row);
    row->metric = 0xffffffff;
}

EXPORT uint32_t CreateIpForwardEntry2(const route_row *row) {
    char to[INET6_ADDRSTRLEN], hop[INET6_ADDRSTRLEN], line[160];
    snprintf(line, sizeof line, "route %s/%d via %s metric %u\n", text_of(&row->destination, to), row->length, text_of(&row->next_hop, hop), row->metric);
    return add_once(row->luid, line);
}

EXPORT void InitializeIpInterfaceEntry(interface_row *row) { memset(row, 0, sizeof *row); }

EXPORT uint32_t GetIpInterfaceEntry(interface_row *row) {
    if (row->family != V4 && row->family != V6) return ERROR_OF_INVALID_PARAMETER;
    lock_enter(&gate);
    *row = at(row->luid)->families[row->family == V6];
    lock_leave(&gate);
    return 0;
}

EXPORT uint32_t SetIpInterfaceEntry(const interface_row *row) {
    if (row->family != V4 && row->family != V6) return ERROR_OF_INVALID_PARAMETER;
    // As the documentation of Windows has it.
    if (row->family == V4 && row->site_prefix_length != 0) return ERROR_OF_INVALID_PARAMETER;
    lock_enter(&gate);
    interface *on = at(row->luid);
    on->families[row->family == V6] = *row;
    note(on, "%s forwarding %d mtu %u metric %s%u discovery %d dad %u\n", row->family == V4 ? "IPv4" : "IPv6", row->forwarding, row->mtu,
        row->automatic_metric ? "automatic " : "", row->metric, row->router_discovery, row->dad_transmits);
    lock_leave(&gate);
    return 0;
}

// "Ethernet" and any digits behind it are there, nothing else.
EXPORT uint32_t ConvertInterfaceAliasToLuid(const uint16_t *alias, uint64_t *luid) {
    const char *known = "Ethernet";
    for (; *known; known++, alias++) {
        if (*alias != *known) return ERROR_OF_INVALID_PARAMETER;
    }
    *luid = 0x600000000000000;
    for (; *alias >= '0' && *alias <= '9'; alias++) *luid = *luid * 10 + *alias - '0' + 1;
    return *alias ? ERROR_OF_INVALID_PARAMETER : 0;
}

// Each interface has one, and none of ours.
EXPORT uint32_t ConvertInterfaceLuidToGuid(const uint64_t *luid, uint8_t *guid) {
    memset(guid, 0, 16);
    memcpy(guid, luid, sizeof *luid);
    return 0;
}

// What was done to an interface so far, and forgets it.
EXPORT int32_t StandinChanges(uint64_t luid, char *text) {
    lock_enter(&gate);
    interface *on = at(luid);
    int32_t length = (int32_t)strlen(on->text);
    memcpy(text, on->text, TEXT);
    on->text[0] = 0;
    lock_leave(&gate);
    return length;
}

#endif
